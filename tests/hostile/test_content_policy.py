"""Every page in a real browser: nothing on it breaks the content security policy.

What a policy blocks shows in no answer, only in the console: an inline style of a library's
template, a script from elsewhere, a widget that sets `style="…"`.
"""

import json
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Page

from tests.hostile.conftest import Start
from tests.hostile.target import PASSWORD, Target
from tests.routes import filled, routes
from tests.system.browser import Visitor, chromium, launched, visit

# Not for browsers, or not pages: the answer is data or a file.
NO_PAGES = ("/api/v1/", "/u/", "/jsi18n/", "/admin/jsi18n/", "/avatars/", "/healthz", "/readyz",
            "/login", "/register", "/send/", "/admin/autocomplete/", "/accounts/data/",
            "/i18n/setlang/", "/static/", "/api/schema/")  # fmt: skip
ERRORS = ("/no/such/page", "/chat/none-such/", "/admin/no/such/")


@pytest.fixture(scope="module", autouse=True)
def _browser() -> None:
    chromium()  # skips or fails before anything is started


@pytest.fixture(scope="module")
def target(start: Start) -> Target:
    """A system of its own: Alice becomes a superuser."""
    return start(RATE_LIMITS="off")


@pytest.fixture(scope="module")
def names(target: Target) -> dict[str, str]:
    """Returns a value for the variable parts of addresses: Alice's own things."""
    room = target.ask(
        "POST", "/api/v1/rooms/", json={"name": "Kitchen"}, headers=target.alice.headers
    ).json()
    path = f"/api/v1/rooms/{room['identity']}/messages/"
    body = {"client_id": "c1", "data": "<b>Hello</b> https://example.org"}
    target.ask("POST", path, json=body, headers=target.alice.headers)
    account = target.alice.account
    target.database["user_basic"].update_one(
        {"account": account}, {"$set": {"is_staff": True, "is_superuser": True}}
    )
    return {"identity": room["identity"], "room_identity": room["identity"]}


@pytest.fixture
async def visitor(target: Target, names: dict[str, str]) -> AsyncIterator[Visitor]:
    async with launched() as browser:
        yield await visit(browser, target.url)


def pages(names: dict[str, str]) -> Iterator[str]:
    """Returns all addresses that show a page. Pages of the admin are reached by its links."""
    for route in sorted(set(routes())):
        if not route.startswith(NO_PAGES) and "object_id" not in route and "{url}" not in route:
            yield filled(route, names | {"app_label": "accounts"})


looked_at: set[str] = set()


async def look(visitor: Visitor, path: str) -> list[str]:
    """Returns what the console says about a page. Other tests judge missing pages."""
    visitor.problems.clear()
    answer = await visitor.context.request.get(f"{visitor.url}{path}")
    # For forms only: an answer without a page, or one that leads to a page that is checked itself.
    if answer.status == 405 or answer.url.partition("?")[0] != f"{visitor.url}{path}":
        return []
    await visitor.page.goto(f"{visitor.url}{path}")
    looked_at.add(path)
    await visitor.page.wait_for_timeout(50)  # what scripts do first
    return [f"{path}: {text}" for text in visitor.problems if "Failed to load" not in text]


async def sign_in(visitor: Visitor, account: str) -> None:
    await visitor.page.goto(f"{visitor.url}/accounts/login/")
    await visitor.page.fill("[name=account]", account)
    await visitor.page.fill("[name=password]", PASSWORD)
    await visitor.page.click("main button[type=submit], form button:not([class*=link])")
    await visitor.page.wait_for_url("**/chat/")


async def first_links(page: Page, selector: str) -> list[str]:
    return [await link.evaluate("it => it.pathname") for link in await page.locator(selector).all()]


async def test_the_guard_itself(visitor: Visitor) -> None:
    """A page that breaks the policy is noticed: otherwise the others prove nothing."""
    await look(visitor, "/accounts/login/")
    script = "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')"
    await visitor.page.evaluate(script)
    await visitor.page.wait_for_timeout(100)
    assert any("style-src" in text for text in visitor.problems)


async def test_pages_for_nobody(visitor: Visitor, names: dict[str, str]) -> None:
    problems = [text for path in (*pages(names), *ERRORS) for text in await look(visitor, path)]
    assert problems == []


async def test_pages_for_people(target: Target, visitor: Visitor, names: dict[str, str]) -> None:
    await sign_in(visitor, target.alice.account)
    seen = list(pages(names))
    looked_at.clear()
    problems = [text for path in (*seen, *ERRORS) for text in await look(visitor, path)]
    assert problems == []
    assert len(looked_at) > 30


async def test_what_is_in_the_admin(target: Target, visitor: Visitor) -> None:
    """Returns the first object of each list: its change, history and delete pages."""
    await sign_in(visitor, target.alice.account)
    problems, changed = await look(visitor, "/admin/"), 0
    for changelist in await first_links(visitor.page, "#content-main th a"):
        problems += await look(visitor, changelist)
        links = await first_links(visitor.page, "#result_list th a")
        for path in links[:1]:
            changed += 1
            for suffix in ("", "../history/", "../delete/"):
                problems += await look(visitor, f"{path}{suffix}")
    assert changed >= 4
    assert problems == []


async def test_the_documentation_of_the_api(target: Target, visitor: Visitor) -> None:
    """The document is there (a blocked script would leave an empty page) and can be tried out."""
    problems = await look(visitor, "/api/docs/")
    operations = visitor.page.locator(".opblock")
    await operations.first.wait_for()
    assert await operations.count() > 25
    await operations.first.locator("button").first.click()
    await visitor.page.locator(".try-out__btn").first.click()
    await visitor.page.wait_for_timeout(200)
    assert [*problems, *(t for t in visitor.problems if "Failed to load" not in t)] == []


async def test_a_conversation(target: Target, visitor: Visitor, names: dict[str, str]) -> None:
    """Includes writing, menus and the socket, not only the page as it loads."""
    await sign_in(visitor, target.alice.account)
    problems = await look(visitor, f"/chat/{names['identity']}/")
    await visitor.say("Hello again")
    await visitor.sees("Hello again")
    await visitor.edit("Hello again", "Hello once more")
    await visitor.sees("Hello once more")
    assert [*problems, *visitor.problems] == []
    kept = await visitor.page.evaluate("JSON.stringify([document.cookie, {...sessionStorage}])")
    assert json.loads(kept)[0] == ""  # no script can read a cookie
