"""Alice and Bob, each at a browser of their own, from registration to a restart of the server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from playwright.async_api import expect

from tests.system.browser import Visitor, chromium, launched, visit
from tests.system.conftest import Measured
from tests.system.system import System

# The longest pause before a page tries to connect again after a short outage, with a margin.
BACK_WITHIN_MS = 30_000


@dataclass
class Two:
    """Both look at the same group. `system` is the server between them."""

    system: System
    alice: Visitor
    bob: Visitor


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    chromium()  # skips or fails before anything is started
    running = System(tmp_path_factory.mktemp("browsers"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
async def group(system: System) -> AsyncIterator[Two]:
    """Both register, Alice creates a group, Bob joins it by its number."""
    async with launched() as browser:
        alice, bob = await visit(browser, system.url), await visit(browser, system.url)
        for visitor, name in ((alice, "alice"), (bob, "bob")):
            await visitor.register(system.data_dir / "mail", name)
        await bob.join_room(await alice.create_room("Kitchen"))
        yield Two(system, alice, bob)


@pytest.fixture
def two(group: Two) -> Iterator[Two]:
    """The group, for one test; afterwards both consoles must be clean."""
    yield group
    assert group.alice.problems == []
    assert group.bob.problems == []


async def both_see(two: Two, *texts: str, timeout: float = 10_000) -> None:
    for visitor in (two.alice, two.bob):
        for text in texts:
            await visitor.sees(text, timeout)


async def both_show_the_same(two: Two) -> None:
    """The same messages in the same order, without gap or double."""
    seqs = await two.alice.seqs()
    assert seqs == list(range(1, len(seqs) + 1))
    assert await two.bob.seqs() == seqs
    assert await two.bob.texts() == await two.alice.texts()


async def test_each_sees_what_the_other_says(two: Two) -> None:
    await two.alice.say("Hello Bob")
    await two.bob.sees("Hello Bob")
    await two.bob.say("你好 Alice")
    await both_see(two, "Hello Bob", "你好 Alice")
    await asyncio.gather(*(_say_five(visitor) for visitor in (two.alice, two.bob)))
    for visitor in (two.alice, two.bob):
        await expect(visitor.log.locator("[data-message-id]")).to_have_count(12)
        await expect(visitor.log.locator("[data-state=sent]")).to_have_count(12)
    await both_show_the_same(two)


async def _say_five(visitor: Visitor) -> None:
    for number in range(5):
        await visitor.say(f"{visitor.account} says {number}")


async def test_what_is_said_offline_arrives_once(two: Two) -> None:
    alice = two.alice
    with alice.away():
        await alice.context.set_offline(True)
        await expect(alice.banner).to_contain_text("Connection lost")
        await alice.say("Said offline")
        await expect(alice.message("Said offline")).to_have_attribute("data-state", "sending")
        await two.bob.say("Said meanwhile")
        await two.bob.sees("Said meanwhile")
        await expect(two.bob.message("Said offline")).to_have_count(0)
        await alice.context.set_offline(False)
        await both_see(two, "Said offline", "Said meanwhile", timeout=BACK_WITHIN_MS)
    await both_show_the_same(two)


async def test_edit_and_recall_reach_the_other(two: Two) -> None:
    await two.bob.say("Dinner at eihgt")
    await two.bob.say("Wrong room")
    await two.alice.sees("Wrong room")
    await two.bob.edit("Dinner at eihgt", "Dinner at eight")
    await both_see(two, "Dinner at eight")
    await two.bob.recall("Wrong room")
    for visitor in (two.alice, two.bob):
        await expect(visitor.message("Wrong room")).to_have_count(0)
        await expect(visitor.message("eihgt")).to_have_count(0)
    await expect(two.alice.message("This message was unsent")).to_have_count(1)
    assert await two.alice.seqs() == await two.bob.seqs()


async def test_a_reload_shows_the_same(two: Two) -> None:
    for visitor in (two.alice, two.bob):
        await reload_shows_the_same(visitor)
    assert await two.alice.seqs() == await two.bob.seqs()


async def reload_shows_the_same(visitor: Visitor) -> None:
    texts, seqs = await visitor.texts(), await visitor.seqs()
    await visitor.page.reload()
    await expect(visitor.log.locator("[data-message-id]")).to_have_count(len(texts))
    assert (await visitor.texts(), await visitor.seqs()) == (texts, seqs)
    assert seqs == list(range(1, len(seqs) + 1))


async def test_both_go_on_after_a_restart_of_the_server(two: Two, measured: Measured) -> None:
    alice, bob, system = two.alice, two.bob, two.system
    count = len(await alice.seqs())
    for visitor in (alice, bob):
        await visitor.page.evaluate("window.notReloaded = true")  # a reload takes this away
    with alice.away(), bob.away():
        assert await asyncio.to_thread(system.stop) == 0
        await expect(alice.banner).to_contain_text("Connection lost")
        await alice.say("Is the server back?")
        await asyncio.to_thread(system.start)
        started = time.monotonic()
        await both_see(two, "Is the server back?", timeout=BACK_WITHIN_MS)
        measured(f"both had it {time.monotonic() - started:.1f} s after the server was back")
    await bob.say("It is")
    await both_see(two, "It is")
    for visitor in (alice, bob):
        assert await visitor.page.evaluate("window.notReloaded") is True
        assert await visitor.seqs() == list(range(1, count + 3))
        await reload_shows_the_same(visitor)


async def test_a_direct_chat(two: Two) -> None:
    alice, bob = two.alice, two.bob
    await alice.write_to(bob.account)
    await alice.say("Just between us")
    await alice.sees("Just between us")
    link = bob.page.locator("[data-room-identity]").filter(has_text="Just between us")
    await expect(link).to_have_count(1)
    await expect(link).to_have_attribute("data-kind", "direct")
    await link.click()
    await bob.sees("Just between us")
    await bob.say("Of course")
    await both_see(two, "Just between us", "Of course")
    await both_show_the_same(two)
