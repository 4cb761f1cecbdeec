"""What the chat page costs: elements, listeners, changes of the page, and time, each bounded."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from playwright.async_api import CDPSession, expect

from tests.system.browser import Visitor, chromium, launched, sign_in_at
from tests.system.conftest import Measured
from tests.system.people import Person, register_all, room_of
from tests.system.system import System

MOST_MESSAGES = 400
COUNT_CHANGES = """
([selector, name]) => {
  window[name] = [];
  new MutationObserver((records) => window[name].push(...records)).observe(
    document.querySelector(selector),
    { subtree: true, childList: true, characterData: true, attributes: true });
}"""
TO_THE_END = "document.querySelector('[role=log]').scrollTop = 1e9"
WATCH_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longTasks.push([entry.startTime, entry.duration]);
}).observe({ type: "longtask" });
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    chromium()  # skips or fails before anything is started
    running = System(tmp_path_factory.mktemp("cost"), RATE_LIMITS="off")
    running.start()
    yield running
    running.stop()


@dataclass
class Cost:
    """Alice looks at a page; Bob is at the other end of a program."""

    alice: Person
    bob: Person
    page: Visitor
    devtools: CDPSession

    async def counted(self, name: str) -> float:
        """Returns a figure of Chromium's own, after a garbage collection."""
        await self.devtools.send("HeapProfiler.collectGarbage")
        metrics = (await self.devtools.send("Performance.getMetrics"))["metrics"]
        return next(float(metric["value"]) for metric in metrics if metric["name"] == name)

    async def says(self, room: str, text: str) -> None:
        client_id = text.replace(" ", "-")
        await self.bob.call("POST", f"rooms/{room}/messages/", client_id=client_id, data=text)


@pytest.fixture
async def cost(system: System) -> AsyncIterator[Cost]:
    alice, bob = await register_all(system.url, system.data_dir / "mail", 2)
    async with launched() as browser:
        page = await sign_in_at(browser, alice)
        devtools = await page.context.new_cdp_session(page.page)
        await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        yield Cost(alice, bob, page, devtools)
        assert page.problems == []


async def filled(cost: Cost, count: int) -> str:
    """Returns a room with so many messages of Bob's, all read by Alice except the newest."""
    room = await room_of([cost.alice, cost.bob])
    for start in range(0, count, 20):
        await asyncio.gather(*(cost.says(room, f"m{start + n}") for n in range(20)))
    await cost.alice.call("POST", f"rooms/{room}/read/", seq=count)
    return room


async def test_elements_do_not_pile_up_over_room_switches(cost: Cost, measured: Measured) -> None:
    rooms = [await filled(cost, 40), await filled(cost, 40)]
    await cost.page.open_room(rooms[0])
    nodes, listeners = {}, {}
    for number in range(1, 51):
        room = rooms[number % 2]
        await cost.page.page.locator(f"a.room-link[data-room-identity='{room}']").click()
        await cost.page.page.wait_for_url(f"**/chat/{room}/")
        await expect(cost.page.page.locator(f"[data-header-room-value='{room}']")).to_be_visible()
        if number in (5, 50):
            nodes[number] = await cost.counted("Nodes")
            listeners[number] = await cost.counted("JSEventListeners")
    measured(f"nodes {nodes[5]:.0f} after 5 switches, {nodes[50]:.0f} after 50")
    measured(f"listeners {listeners[5]:.0f} after 5 switches, {listeners[50]:.0f} after 50")
    assert nodes[50] <= 1.2 * nodes[5]
    assert listeners[50] <= 1.2 * listeners[5]


async def shown(cost: Cost) -> list[int]:
    """Returns the seqs on the page; they are always one run without a gap."""
    seqs: list[int] = await cost.page.page.evaluate(
        "[...document.querySelectorAll('[data-seq]')].map((element) => Number(element.dataset.seq))"
    )
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert len(seqs) <= MOST_MESSAGES
    return seqs


async def scroll_to(cost: Cost, end: str, seq: int) -> None:
    """Scrolls to the upper or lower end again and again, until a message is on the page."""
    for _again in range(60):
        if seq in await shown(cost):
            return
        top = "0" if end == "top" else "log.scrollHeight"
        await cost.page.page.evaluate(
            f"const log = document.querySelector('[role=log]'); log.scrollTop = {top}"
        )
        await asyncio.sleep(0.15)
    raise AssertionError(f"message {seq} never came")


async def test_history_is_a_window_both_ways(cost: Cost) -> None:
    room = await filled(cost, 600)
    await cost.page.open_room(room)
    await scroll_to(cost, "top", 1)
    assert max(await shown(cost)) < 600
    await cost.says(room, "news")
    await scroll_to(cost, "bottom", 601)
    assert min(await shown(cost)) > 1
    await cost.page.sees("news")
    await cost.page.say("answer")
    await cost.page.sees("answer")


async def test_a_message_costs_the_same_however_many_are_shown(
    cost: Cost, measured: Measured
) -> None:
    """Counts changes of the page by one message, with 50 and with as many as are ever shown."""
    room = await filled(cost, 600)
    changes = {}
    for wanted in (50, 290):
        await cost.page.open_room(room)
        await scroll_to(cost, "top", 600 - wanted + 1)
        await cost.page.page.evaluate(TO_THE_END)
        count = len(await shown(cost))
        await asyncio.sleep(0.6)  # aria-live comes back half a second after history was put in
        await cost.page.page.evaluate(COUNT_CHANGES, ["[role=log]", "changes"])
        await cost.says(room, f"news {wanted}")
        await cost.page.sees(f"news {wanted}")
        changes[count] = await cost.page.page.evaluate("window.changes.length")
    measured(f"changes of the page by one message, by messages shown: {changes}")
    assert max(changes.values()) <= min(changes.values()) + 3
    assert max(changes.values()) <= 12


async def test_a_keystroke_changes_one_row_of_the_list(cost: Cost) -> None:
    rooms = [await filled(cost, 20) for _ in range(5)]
    await cost.page.open_room(rooms[0])
    await cost.page.page.evaluate(COUNT_CHANGES, [".rooms", "changes"])
    await cost.page.composer.press_sequentially("half a sentence")
    rows = "new Set(window.changes.map((r) => r.target.parentElement?.closest('li'))).size"
    assert await cost.page.page.evaluate(rows) <= 1


async def test_200_rooms_make_no_long_task_of_a_message(cost: Cost, measured: Measured) -> None:
    """At most 50 ms of processor time for each of 20 messages in rooms of the list. Long tasks are
    only noted: on a busy machine they tell of other processes."""
    made = [await cost.bob.create_room(f"Room {number}") for number in range(200)]
    for start in range(0, 200, 20):
        batch = made[start : start + 20]
        await asyncio.gather(*(cost.alice.join(room["number"]) for room in batch))
    rooms = [room["identity"] for room in made]
    await cost.page.context.add_init_script(WATCH_TASKS)
    await cost.page.open_room(rooms[0])
    await asyncio.sleep(2)
    before = await cost.counted("TaskDuration")
    begun = await cost.page.page.evaluate("performance.now()")
    for number in range(20):
        await cost.says(rooms[number * 9], f"news {number}")
    link = cost.page.page.locator(f"a.room-link[data-room-identity='{rooms[171]}']")
    await expect(link).to_contain_text("news 19")
    tasks = await cost.page.page.evaluate("window.longTasks")
    long = [duration for start, duration in tasks if start > begun]
    spent = (await cost.counted("TaskDuration") - before) / 20 * 1_000
    measured(f"200 rooms: {spent:.1f} ms a message, tasks over 50 ms: {long}")
    assert spent < 50
    assert len(long) <= 2
