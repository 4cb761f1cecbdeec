"""A profile picture, chosen in a browser and seen in the chat by another user; and uploads that are
too large, at a real server."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Locator, expect

from imsystem.client_limits import AVATAR_BYTES
from tests.images import BLUE, GREEN, picture
from tests.system.browser import Visitor, chromium, launched, visit
from tests.system.people import Person, register
from tests.system.system import System

ROUTE = "users/me/avatar/"
MB = 1_000_000
# Returns the colour in the middle of a picture on the page, as a user sees it.
MIDDLE = """async (image) => {
  await (image.decode?.() ?? null);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, canvas.width = 9, canvas.height = 9);
  return [...context.getImageData(4, 4, 1, 1).data];
}"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    running = System(tmp_path_factory.mktemp("pictures"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
async def people(system: System) -> AsyncIterator[list[Person]]:
    mails = system.data_dir / "mail"
    people = [await register(system.url, mails, name) for name in ("alice", "bob")]
    yield people
    for person in people:
        await person.api.aclose()


# --- too large ------------------------------------------------------------------------------


def stored_on_disk(system: System) -> list[str]:
    """Returns the unnamed temporary files that web processes hold open."""
    found = []
    for pid in system.workers():
        links = (link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
        found += [str(target) for target in links if "(deleted)" in str(target)]
    return found


async def nothing_more_on_disk(system: System, before: list[str]) -> None:
    """Waits: a request's files are closed a moment after its answer."""
    async with asyncio.timeout(10):
        while stored_on_disk(system) != before:
            await asyncio.sleep(0.05)


async def chunks(size: int) -> AsyncIterator[bytes]:
    """A body that is sent without saying how long it is."""
    for _ in range(0, size, MB // 10):
        yield bytes(MB // 10)


async def chunked(person: Person, size: int) -> httpx.Response:
    kind = {"Content-Type": "image/png"}
    return await person.api.put(ROUTE, content=chunks(size), headers=kind)


@pytest.mark.parametrize("size", [AVATAR_BYTES + 1, 20 * MB, 40 * MB])
async def test_what_is_too_large_gets_413_and_leaves_nothing(
    system: System, people: list[Person], size: int
) -> None:
    before = stored_on_disk(system)
    kind = {"Content-Type": "image/png"}
    for answer in (
        await people[0].api.put(ROUTE, content=bytes(size), headers=kind),
        await people[0].api.put(ROUTE, files={"avatar": ("a.png", bytes(size))}),
        await chunked(people[0], size),
    ):
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    await nothing_more_on_disk(system, before)
    me = await people[0].call("GET", "users/me/")
    assert me["avatar"].startswith("/avatars/initial/")


async def test_half_an_upload_leaves_nothing(system: System, people: list[Person]) -> None:
    host, port = system.url.removeprefix("http://").split(":")
    before = stored_on_disk(system)
    _reader, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT /api/v1/{ROUTE} HTTP/1.1\r\nHost: {host}\r\nContent-Type: image/png\r\n"
    head += f"Authorization: Bearer {people[0].token}\r\nContent-Length: {4 * MB}\r\n\r\n"
    writer.write(head.encode() + bytes(3 * MB))
    await writer.drain()
    writer.close()
    await nothing_more_on_disk(system, before)
    assert (await people[0].call("GET", "users/me/"))["avatar"].endswith(".svg")


async def test_a_body_of_unsaid_length_is_as_good(people: list[Person]) -> None:
    data = picture(colour=GREEN)

    async def pieces() -> AsyncIterator[bytes]:
        yield data[:100]
        yield data[100:]

    kind = {"Content-Type": "image/jpeg"}
    answer = await people[1].api.put(ROUTE, content=pieces(), headers=kind)
    assert answer.status_code == 200
    shown = await people[1].api.get(people[1].url + answer.json()["avatar"])
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/webp")


# --- in the browser -------------------------------------------------------------------------


@dataclass
class Two:
    """Both are in one room, at this address."""

    alice: Visitor
    bob: Visitor
    room: str


@pytest.fixture(scope="module")
async def together(system: System) -> AsyncIterator[Two]:
    chromium()
    async with launched() as browser:
        alice, bob = await visit(browser, system.url), await visit(browser, system.url)
        for visitor, name in ((alice, "alice"), (bob, "bob")):
            await visitor.register(system.data_dir / "mail", name)
        await bob.join_room(await alice.create_room("Kitchen"))
        yield Two(alice, bob, alice.page.url)


@pytest.fixture
def two(together: Two) -> Iterator[Two]:
    """The two, for one test; afterwards both consoles must be clean."""
    yield together
    assert (together.alice.problems, together.bob.problems) == ([], [])


async def colour(image: Locator) -> str:
    red, green, blue, _alpha = await image.evaluate(MIDDLE)
    return {red: "red", green: "green", blue: "blue"}[max(red, green, blue)]


async def choose(visitor: Visitor, name: str, kind: str, data: bytes) -> None:
    file = {"name": name, "mimeType": kind, "buffer": data}
    await visitor.page.set_input_files("[name=avatar]", files=[file])


async def upload(visitor: Visitor, name: str, kind: str, data: bytes) -> Locator:
    """Chooses a picture on the profile page, sends it, and returns the picture that is shown
    then."""
    page = visitor.page
    await page.goto(f"{visitor.url}/accounts/profile/")
    await choose(visitor, name, kind, data)
    await expect(page.locator(".my-picture canvas")).to_be_visible()
    await expect(page.locator(".my-picture img")).to_be_hidden()
    await page.get_by_role("button", name="Use this picture").click()
    await expect(page.locator(".notice")).to_have_text("Profile picture changed.")
    return page.locator(".my-picture img")


async def test_a_picture_from_the_profile_to_the_chat(two: Two) -> None:
    alice, bob = two.alice, two.bob
    await bob.say("Show yourself")
    present = await upload(alice, "me.png", "image/png", picture("PNG", (900, 600), GREEN))
    assert await colour(present) == "green"
    address = await present.get_attribute("src") or ""
    await alice.page.goto(two.room)
    await expect(alice.page.locator(".sidebar-header .avatar")).to_have_attribute("src", address)
    await alice.say("Here I am")
    await bob.page.reload()
    shown = bob.message("Here I am").locator(".avatar")
    await expect(shown).to_have_attribute("src", address)
    assert await colour(shown) == "green"
    # A message that comes later, rendered by the script.
    await alice.say("Do you see me?")
    later = bob.message("Do you see me?").locator(".avatar")
    await expect(later).to_have_attribute("src", address)
    await expect(alice.message("Show yourself").locator(".avatar")).to_have_attribute(
        "src", re.compile("^/avatars/initial/.-42.svg$")
    )


async def test_a_picture_that_is_too_large_is_made_smaller(two: Two) -> None:
    large = picture("JPEG", colour=GREEN) + bytes(AVATAR_BYTES)
    present = await upload(two.alice, "large.jpg", "image/jpeg", large)
    assert await colour(present) == "green"
    # A format that the server does not take, but the browser can read.
    await upload(two.alice, "old.bmp", "image/bmp", picture("BMP", (200, 200), BLUE))
    assert await colour(present) == "blue"


async def test_what_is_no_picture_is_told_at_once(two: Two) -> None:
    page = two.alice.page
    await page.goto(f"{two.alice.url}/accounts/profile/")
    await choose(two.alice, "me.png", "image/png", b"hello")
    await expect(page.locator("#id_avatar_problem")).to_contain_text("read this picture")
    await expect(page.locator(".my-picture img")).to_be_visible()
    assert await page.locator("[name=avatar]").input_value() == ""


async def test_it_works_without_javascript(system: System, two: Two) -> None:
    state = await two.alice.context.storage_state()
    assert two.alice.context.browser is not None
    context = await two.alice.context.browser.new_context(
        java_script_enabled=False, storage_state=state, locale="en-US"
    )
    page = await context.new_page()
    await page.goto(f"{system.url}/accounts/profile/")
    file = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture()}
    await page.set_input_files("[name=avatar]", files=[file])
    await page.get_by_role("button", name="Use this picture").click()
    await expect(page.locator(".notice")).to_have_text("Profile picture changed.")
    await page.get_by_role("button", name="Remove picture").click()
    await expect(page.locator(".notice")).to_have_text("Profile picture removed.")
    await context.close()
