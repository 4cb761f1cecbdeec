"""The chat page in the cases where clients lose something or show something wrong."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, Page, WebSocketRoute, expect

from tests.system.browser import Visitor, chromium, launched, sign_in_at
from tests.system.people import Person, register_all, room_of
from tests.system.system import System

BACK_WITHIN_MS = 30_000


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    chromium()  # skips or fails before anything is started
    running = System(tmp_path_factory.mktemp("client"), RATE_LIMITS="off")
    running.start()
    yield running
    running.stop()


@dataclass
class Scene:
    """Alice at a browser, Bob at the other end of a program, both in one room that Alice owns."""

    browser: Browser
    alice: Person
    bob: Person
    room: str
    page: Visitor
    visitors: list[Visitor] = field(default_factory=list)

    async def visitor(self, person: Person, **options: object) -> Visitor:
        visitor = await sign_in_at(self.browser, person, **options)
        self.visitors.append(visitor)
        return visitor

    async def says(self, text: str, person: Person | None = None) -> str:
        """Sends as Bob by REST and returns the message's identity."""
        path, speaker = f"rooms/{self.room}/messages/", person or self.bob
        client_id = re.sub(r"\W", "-", text, flags=re.ASCII)[:60]
        sent = await speaker.call("POST", path, client_id=client_id, data=text)
        identity: str = sent["identity"]
        return identity


@pytest.fixture
async def scene(system: System) -> AsyncIterator[Scene]:
    alice, bob = await register_all(system.url, system.data_dir / "mail", 2)
    async with launched() as browser:
        page = await sign_in_at(browser, alice)
        made = Scene(browser, alice, bob, await room_of([alice, bob]), page)
        yield made
        for visitor in (page, *made.visitors):
            assert visitor.problems == []


async def second_tab(visitor: Visitor) -> Visitor:
    return Visitor(visitor.context, await visitor.context.new_page(), visitor.url)


# --- who is who (B1) ------------------------------------------------------------------------------


async def become(tab: Visitor, person: Person) -> None:
    """Signs out in this tab, and in as another user."""
    await tab.page.goto(f"{tab.url}/accounts/logout/")
    await tab.page.locator("main form button").first.click()
    await tab.sign_in(person)


async def test_what_waits_is_not_sent_under_another_users_name(scene: Scene) -> None:
    first = scene.page
    await first.open_room(scene.room)
    first.expects("409")
    with first.away():
        blocked = await hold_socket(first.page)
        await first.say("Said by Alice")
        await expect(first.message("Said by Alice")).to_have_attribute("data-state", "sending")
        await become(await second_tab(first), scene.bob)
        blocked.set()
        await expect(first.page.locator(".my-name")).to_have_text(
            scene.bob.account, timeout=BACK_WITHIN_MS
        )
    said = [message["data"] for message in await scene.alice.history(scene.room)]
    assert said == []
    kept = "Object.keys(localStorage).filter((key) => key.startsWith('im.outbox.'))"
    assert [scene.alice.identity in key for key in await first.page.evaluate(kept)] == [True]
    await become(first, scene.alice)
    await first.open_room(scene.room)
    await first.sees("Said by Alice")


async def hold_socket(page: Page) -> asyncio.Event:
    """The page's sockets end, and new ones do not open until the event is set."""
    free = asyncio.Event()

    async def route(ws: WebSocketRoute) -> None:
        if free.is_set():
            ws.connect_to_server()
        else:
            await ws.close(code=1011)

    await page.route_web_socket(re.compile("/ws/"), route)
    await page.reload()
    await expect(page.locator("textarea").last).to_be_focused()
    return free


async def test_requests_for_another_user_are_refused(scene: Scene) -> None:
    """The cookie alone is another user's: as if that happened between two checks."""
    first = scene.page
    for number in range(60):
        await scene.says(f"m{number}", scene.alice)
    await scene.alice.call("POST", f"rooms/{scene.room}/read/", seq=60)
    await first.open_room(scene.room)
    bob = await scene.visitor(scene.bob)
    await first.context.clear_cookies()
    await first.context.add_cookies(await bob.context.cookies())
    first.expects("409")
    await first.page.evaluate("document.querySelector('[role=log]').scrollTop = 0")
    await expect(first.page.locator(".my-name")).to_have_text(scene.bob.account)


# --- what is sent, and when (B3, B4, B15) ---------------------------------------------------------


async def test_a_message_that_is_stored_while_the_room_is_far_behind(scene: Scene) -> None:
    for number in range(80):
        await scene.says(f"m{number}")
    await scene.page.open_room(scene.room)
    await scene.page.say("From far behind")
    await scene.page.sees("From far behind")
    await expect(scene.page.log.locator("[data-state=sending]")).to_have_count(0)


AHEAD = "(() => { const now = Date.now; Date.now = () => now() + %d * 60000; })()"


@pytest.mark.parametrize("minutes", [-20, 3, 20])
async def test_the_servers_clock_decides_what_can_be_done(scene: Scene, minutes: int) -> None:
    await scene.page.context.add_init_script(AHEAD % minutes)
    await scene.page.open_room(scene.room)
    await scene.page.say("Just now")
    await scene.page.sees("Just now")
    await scene.page.recall("Just now")
    await expect(scene.page.message("You unsent this message")).to_have_count(1)


async def test_half_an_emoji_does_not_block_the_room(scene: Scene) -> None:
    await scene.page.open_room(scene.room)
    await scene.page.composer.evaluate("(field) => { field.value = 'cut \\ud83d'; }")
    await scene.page.composer.press("Enter")
    await scene.page.sees("cut \ufffd")
    await scene.page.say("and on")
    await scene.page.sees("and on")


# --- editing (B6) ---------------------------------------------------------------------------------


async def edit(visitor: Visitor, text: str) -> None:
    await visitor._choose(text, "edit")


async def test_escape_of_an_input_method_does_not_close_the_editor(scene: Scene) -> None:
    await scene.page.open_room(scene.room)
    await scene.page.say("Hello")
    await scene.page.sees("Hello")
    await edit(scene.page, "Hello")
    editor = scene.page.log.locator("textarea")
    devtools = await scene.page.context.new_cdp_session(scene.page.page)
    await devtools.send(
        "Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2}
    )
    for key in ("Escape", "Enter"):
        press = {"type": "rawKeyDown", "key": key, "code": key, "windowsVirtualKeyCode": 229}
        await devtools.send("Input.dispatchKeyEvent", press)
    await expect(editor).to_have_value("Helloni")


async def test_a_half_written_edit_is_kept(scene: Scene) -> None:
    other = await room_of([scene.alice, scene.bob], "Garden")
    await scene.page.open_room(scene.room)
    await scene.page.say("Hello")
    await scene.page.sees("Hello")
    await edit(scene.page, "Hello")
    await scene.page.log.locator("textarea").fill("Hello, half")
    await scene.page.page.locator(f"a[data-room-identity='{other}']").click()
    await scene.page.page.wait_for_url(f"**/chat/{other}/")
    await scene.page.open_room(scene.room)
    await edit(scene.page, "Hello")
    await expect(scene.page.log.locator("textarea")).to_have_value("Hello, half")
    await scene.page.log.locator("textarea").press("Escape")
    await edit(scene.page, "Hello")
    await expect(scene.page.log.locator("textarea")).to_have_value("Hello")


async def test_an_edit_made_elsewhere_is_told(scene: Scene) -> None:
    await scene.page.open_room(scene.room)
    identity = await scene.says("Hello", scene.alice)
    await scene.page.sees("Hello")
    await edit(scene.page, "Hello")
    await scene.page.log.locator("textarea").fill("Mine")
    await scene.alice.call("PATCH", f"messages/{identity}/", data="Theirs")
    await expect(scene.page.log.get_by_role("alert")).to_contain_text("now says: “Theirs”")
    await expect(scene.page.log.locator("textarea")).to_have_value("Mine")
    await scene.page.log.locator("textarea").press("Enter")
    await scene.page.sees("Mine")


async def test_an_editor_holds_the_text_and_no_translation_of_it(scene: Scene) -> None:
    await scene.page.open_room(scene.room)
    await scene.page.say("Hello")
    await scene.page.sees("Hello")
    translate = "(text) => { text.innerHTML = '<font><font>Bonjour</font></font>'; }"
    await scene.page.message("Hello").locator(".text").evaluate(translate)
    await edit(scene.page, "Bonjour")
    await expect(scene.page.log.locator("textarea")).to_have_value("Hello")


# --- what changes is seen at once (B5, B8, B9) ----------------------------------------------------


async def test_names_roles_and_numbers_change_at_once(scene: Scene) -> None:
    direct = await scene.alice.call("POST", "rooms/direct/", user_identity=scene.bob.identity)
    await scene.says("Hello")
    await scene.page.open_room(scene.room)
    row = scene.page.page.locator(f"a[data-room-identity='{direct['identity']}'] .room-name")
    await scene.bob.call("PATCH", "users/me/", nickname="Robert")
    await expect(scene.page.message("Hello").locator(".author")).to_have_text("Robert")
    await expect(row).to_have_text("Robert")
    await scene.alice.call("PATCH", "users/me/", nickname="Alicia")
    await expect(scene.page.page.locator(".my-name")).to_have_text("Alicia")
    await scene.alice.call("PATCH", f"rooms/{scene.room}/", name="Garden", info="")
    await expect(scene.page.page.locator("main h1")).to_have_text("Garden")
    header = scene.page.page.locator("main header")
    await expect(header).to_contain_text("2 members")
    await scene.bob.call("POST", f"rooms/{scene.room}/leave/")
    await expect(header).to_contain_text("1 member ")


async def test_a_new_role_changes_what_can_be_done(scene: Scene) -> None:
    await scene.says("Hello", scene.alice)
    page = await scene.visitor(scene.bob)
    await page.open_room(scene.room)
    await expect(page.message("Hello").locator("[data-role=recall]")).to_be_hidden()
    path = f"rooms/{scene.room}/members/{scene.bob.identity}/"
    await scene.alice.call("PATCH", path, role="admin")
    await expect(page.message("Hello").locator(".menu")).not_to_have_attribute("hidden", "")
    await page.recall("Hello")
    await expect(page.message("This message was unsent")).to_have_count(1)


async def test_a_recalled_message_is_not_counted(scene: Scene) -> None:
    await scene.page.page.goto(f"{scene.page.url}/chat/")
    row = scene.page.page.locator(f"a[data-room-identity='{scene.room}']")
    await scene.says("One")
    second = await scene.says("Two")
    await scene.says("My own, from the phone", scene.alice)
    await expect(row.locator(".count")).to_have_text("2")
    await scene.bob.call("DELETE", f"messages/{second}/")
    await expect(row.locator(".count")).to_have_text("1")
    await expect(scene.page.page).to_have_title(re.compile(r"^\(1\) "))


async def test_times_follow_the_time_zone(scene: Scene) -> None:
    await scene.says("Hello")
    devtools = await scene.page.context.new_cdp_session(scene.page.page)
    await devtools.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    await scene.page.open_room(scene.room)
    time = scene.page.message("Hello").locator("time")
    before = await time.inner_text()
    await devtools.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    await scene.page.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(time).not_to_have_text(before)


# --- when the socket does not get through (B13) ---------------------------------------------------


# Does what a proxy does that does not pass WebSockets: each of them fails.
NO_WEBSOCKET = """
WebSocket = class {
  constructor() { setTimeout(() => this.onclose?.({ code: 1006 })); }
  close() {}
};
"""


async def refuse_sockets(page: Page, code: int) -> list[int]:
    """Every socket is closed with `code`; the list grows by one for each try."""
    tries: list[int] = []

    async def route(ws: WebSocketRoute) -> None:
        tries.append(code)
        await ws.close(code=code)

    await page.route_web_socket(re.compile("/ws/"), route)
    return tries


@pytest.mark.parametrize(
    ("code", "told", "most"),
    [(4401, "even though you are signed in", 2), (1006, "because of a proxy", 40)],
)
async def test_messages_go_by_requests_without_a_socket(
    scene: Scene, code: int, told: str, most: int
) -> None:
    if code == 1006:
        await scene.page.context.add_init_script(NO_WEBSOCKET)
    tries = await refuse_sockets(scene.page.page, code)
    await scene.page.open_room(scene.room)
    await scene.page.page.evaluate("window.notReloaded = true")
    await expect(scene.page.banner).to_contain_text(told, timeout=BACK_WITHIN_MS)
    await scene.page.say("By request")
    await scene.page.sees("By request")
    await scene.says("Answer")
    await scene.page.sees("Answer")
    await scene.page.edit("By request", "By request, better")
    await scene.page.sees("By request, better")
    assert await scene.page.page.evaluate("window.notReloaded") is True
    assert len(tries) <= most


# --- as users expect (B11, B16) -------------------------------------------------------------------


async def test_menus_have_one_behaviour(scene: Scene) -> None:
    for number in range(30):
        await scene.says(f"m{number}", scene.alice)
    page = scene.page.page
    await scene.page.open_room(scene.room)
    open_menus = page.locator("details.menu[open]")
    await page.locator(".sidebar summary").nth(0).click()
    await page.locator(".sidebar summary").nth(1).click()
    await expect(open_menus).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(open_menus).to_have_count(0)
    await expect(page.locator(".sidebar summary").nth(1)).to_be_focused()
    await page.locator(".sidebar summary").nth(0).click()
    await page.locator("main h1").click()
    await expect(open_menus).to_have_count(0)
    for place in ("start", "end"):
        message = scene.page.message("m15")
        await message.evaluate(f"(element) => element.scrollIntoView({{ block: '{place}' }})")
        await message.hover()
        await message.locator("summary").click()
        for role in ("edit", "recall"):
            button = message.locator(f"[data-role={role}]")
            await expect(button).to_be_in_viewport(ratio=1)
            await button.click(trial=True)
        await page.keyboard.press("Escape")
        await expect(open_menus).to_have_count(0)


@pytest.mark.parametrize("javascript", [True, False])
async def test_what_cannot_be_undone_asks_first(scene: Scene, javascript: bool) -> None:
    page = await scene.visitor(scene.bob)
    if not javascript:
        cookies = await page.context.cookies()
        context = await scene.browser.new_context(java_script_enabled=False)
        await context.add_cookies(cookies)
        page = Visitor(context, await context.new_page(), page.url)
    await page.page.goto(f"{page.url}/rooms/{scene.room}/settings/")
    await page.page.get_by_role("button", name="Leave group").click()
    await expect(page.page.get_by_role("heading", name="Leave this group?")).to_be_visible()
    members = await scene.alice.call("GET", f"rooms/{scene.room}/members/")
    assert len(members["results"]) == 2
    await page.page.get_by_role("button", name="Leave group").click()
    await page.page.wait_for_url("**/chat/")
    members = await scene.alice.call("GET", f"rooms/{scene.room}/members/")
    assert len(members["results"]) == 1


async def test_the_composer_is_few_stops_away(scene: Scene) -> None:
    for number in range(30):
        await scene.says(f"m{number}", scene.alice)
    for number in range(8):
        await room_of([scene.alice, scene.bob], f"Room {number}")
    await scene.page.open_room(scene.room)
    await scene.page.page.evaluate("document.activeElement.blur()")
    for _stop in range(10):
        await scene.page.page.keyboard.press("Tab")
        if await scene.page.composer.evaluate("(field) => field === document.activeElement"):
            break
    await expect(scene.page.composer).to_be_focused()


async def test_links_within_the_page_and_to_the_same_room_change_nothing(scene: Scene) -> None:
    page = scene.page.page
    await scene.page.open_room(scene.room)
    await page.evaluate("window.notReloaded = true")
    await page.locator("main").evaluate("(main) => { main.dataset.same = 'yes'; }")
    entries = await page.evaluate("history.length")
    for _twice in range(2):
        await page.locator(f"a[data-room-identity='{scene.room}']").click()
    assert await page.evaluate("history.length") == entries
    await page.locator(".skip").focus()
    await page.keyboard.press("Enter")
    await page.go_back()
    await expect(page.locator("main[data-same=yes]")).to_be_visible()
    assert await page.evaluate("window.notReloaded") is True


async def test_a_draft_that_is_sent_in_one_tab_vanishes_in_the_other(scene: Scene) -> None:
    first, second = scene.page, await second_tab(scene.page)
    await first.open_room(scene.room)
    await first.composer.fill("Half a sentence")
    await second.open_room(scene.room)
    await expect(second.composer).to_have_value("Half a sentence")
    await second.composer.press("Enter")
    await second.sees("Half a sentence")
    await expect(first.composer).to_have_value("")


async def test_copied_text_has_no_signs_of_menus(scene: Scene) -> None:
    await scene.says("One", scene.alice)
    await scene.says("Two", scene.alice)
    await scene.page.open_room(scene.room)
    select = "getSelection().selectAllChildren(document.querySelector('[role=log]'))"
    await scene.page.page.evaluate(select)
    copied = await scene.page.page.evaluate("getSelection().toString()")
    assert "One" in copied
    assert not re.search("⋯|Edit|Recall|Retry", copied)


async def test_a_form_that_is_out_of_date_does_not_lose_its_text(scene: Scene) -> None:
    first = scene.page
    await first.page.goto(f"{first.url}/rooms/new/")
    await first.page.fill("[name=name]", "A long name")
    await first.page.fill("[name=info]", "A long description")
    await become(await second_tab(first), scene.bob)
    first.expects("403")
    await first.page.get_by_role("button", name="Create group").click()
    texts = [await area.input_value() for area in await first.page.locator("textarea").all()]
    assert texts == ["A long name", "A long description"]
