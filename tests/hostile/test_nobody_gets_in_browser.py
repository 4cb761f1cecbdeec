"""What Mallory writes, in Alice's browser: live, while the page is open (25).

The content security policy would stop a handler; here there must be none in the first place.
"""

import asyncio
import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.hostile.scene import Scene
from tests.hostile.target import PASSWORD, Person
from tests.system.browser import chromium, launched, visit

EVIL = "\"'><img src=x onerror=pwned()>"
# Returns elements that came out of a text, and what such an element would have called.
FOREIGN = """() => ({
  pwned: Boolean(window.pwnedBy),
  images: document.querySelectorAll('img[src="x"]').length,
  handlers: [...document.querySelectorAll("*")].filter(
    (it) => [...it.attributes].some((attribute) => attribute.name.startsWith("on"))).length,
  links: [...document.querySelectorAll("a, form")].filter((it) =>
    /^\\s*(javascript|data|vbscript):/i.test(it.getAttribute("href") ?? it.action ?? "")).length,
})"""
CLEAN = {"pwned": False, "images": 0, "handlers": 0, "links": 0}


@pytest.fixture(scope="module", autouse=True)
def _browser() -> None:
    chromium()  # skips or fails before anything is started


def make_room(scene: Scene, mallory: Person, name: str) -> str:
    body = {"name": name, "info": EVIL, "members": [scene.alice.identity]}
    return str(scene.as_person(mallory, "POST", "rooms/", body)["identity"])


def write(scene: Scene, mallory: Person, room: str, text: str, **fields: Any) -> str:
    body = {"client_id": f"evil-{hash(text) % 10**9}", "data": text, **fields}
    return str(scene.as_person(mallory, "POST", f"rooms/{room}/messages/", body)["identity"])


async def title_has(page: Page, text: str) -> None:
    await page.wait_for_function("text => document.title.includes(text)", arg=text)


def provoke(scene: Scene, mallory: Person, room: str) -> None:
    """Everything that reaches an open page by itself."""
    said = write(scene, mallory, room, f"live {EVIL}")
    write(scene, mallory, room, f"answer {EVIL} javascript:pwned()", reply_to=said)
    write(scene, mallory, room, 'https://example.org/"onmouseover="pwned() <http://x.y/><b>')
    scene.as_person(mallory, "PATCH", f"messages/{said}/", {"data": f"edited {EVIL}"})
    make_room(scene, mallory, f"other {EVIL}")
    scene.as_person(mallory, "PATCH", f"rooms/{room}/", {"name": f"new {EVIL}"})
    with scene.socket(mallory) as socket:
        socket.send(json.dumps({"type": "typing", "room_identity": room}))


async def test_25_nothing_of_it_is_more_than_text(scene: Scene) -> None:
    mallory = await asyncio.to_thread(scene.target.register, "mallory")
    await asyncio.to_thread(scene.as_person, mallory, "PATCH", "users/me/", {"nickname": EVIL[:40]})
    room = await asyncio.to_thread(make_room, scene, mallory, f"room {EVIL}")
    await asyncio.to_thread(write, scene, mallory, room, f"stored {EVIL}")
    async with launched() as browser:
        alice = await visit(browser, scene.target.url)
        await alice.context.add_init_script("window.pwned = () => { window.pwnedBy = 1 }")
        page = alice.page
        await page.goto(f"{scene.target.url}/accounts/login/?next=/chat/{room}/")
        await page.fill("[name=account]", scene.alice.account)
        await page.fill("[name=password]", PASSWORD)
        await page.click("main button[type=submit], form button:not([class*=link])")
        await page.wait_for_url(f"**/chat/{room}/")
        await alice.sees(f"stored {EVIL}")
        await title_has(page, "<img src=x")
        assert await page.evaluate(FOREIGN) == CLEAN

        await asyncio.to_thread(provoke, scene, mallory, room)
        await alice.sees(f"edited {EVIL}")
        await alice.sees(f"answer {EVIL}")
        await expect(page.locator("body")).to_contain_text(f"other {EVIL}")
        await title_has(page, f"new {EVIL}")
        assert await page.evaluate(FOREIGN) == CLEAN

        for path in ("/chat/", f"/rooms/{room}/settings/", f"/chat/{room}/"):
            await page.goto(f"{scene.target.url}{path}")
            await expect(page.locator("body")).to_contain_text("<img src=x")
            assert await page.evaluate(FOREIGN) == CLEAN, path
        assert alice.problems == []
