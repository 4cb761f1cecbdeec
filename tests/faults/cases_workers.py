"""Web workers die, at the worst moments, and are restarted."""

import asyncio
import os
import resource
import time
from pathlib import Path

from tests.faults.load import words
from tests.faults.registry import case
from tests.faults.run import Run
from tests.faults.site import Worker
from tests.faults.targets import REDIS_S, WEB_S, forgiven
from tests.system.clients import Client, until

# By then the others have noticed that the victim was restarted (imsystem.realtime.hub.GONE_S).
AFTER_RESTART_S = 5.0


async def _restart(run: Run, worker: Worker) -> None:
    await run.lasts(0.2, 1.0)
    await worker.start()


@case("F1", "a web worker is killed", heals_within=WEB_S)
async def worker_killed(run: Run) -> None:
    for _ in run.times(1, 10):
        victim = run.rng.choice(run.breakable)
        await victim.kill()
        run.fault_over()
        await _restart(run, victim)
        await run.lasts(0.1, 1.0)


@case("F1b", "all web workers are killed at once", heals_within=WEB_S, long_only=True)
async def all_killed(run: Run) -> None:
    for worker in run.site.workers:
        await worker.kill()
    await run.lasts(0.2, 1.0)
    await asyncio.gather(*(worker.start() for worker in run.site.workers))
    run.fault_over()


@case("F1c", "a web worker hangs (SIGSTOP)", heals_within=WEB_S, long_only=True)
async def worker_hangs(run: Run) -> None:
    """Clients notice by themselves; the worker later goes on with what it was doing."""
    run.victim.freeze()
    await run.lasts(2.0, 10.0)
    run.victim.thaw()
    run.fault_over()


# --- at the worst moments ------------------------------------------------------------------


def _armed(*failpoints: str) -> "Arm":
    return Arm(failpoints)


class Arm:
    """Runs before the first client connects: the victim gets these failpoints, NAME=ACTION each."""

    def __init__(self, failpoints: tuple[str, ...]) -> None:
        self.failpoints = failpoints

    async def __call__(self, run: Run) -> None:
        count = run.rng.randrange(2, 12)
        armed = ",".join(f"{failpoint}@{count}" for failpoint in self.failpoints)
        await run.victim.restart(DEBUG="on", FAILPOINTS=armed)
        run.note(armed)


async def _killed_by_itself(run: Run) -> None:
    await run.victim.ended()
    run.fault_over()
    await _restart(run, run.victim)


@case(
    "F2",
    "killed between storing and the ack",
    heals_within=WEB_S,
    prepare=_armed("journal.after_insert=kill"),
)
async def killed_before_ack(run: Run) -> None:
    await _killed_by_itself(run)


@case(
    "F3",
    "killed between the number and storing",
    heals_within=WEB_S,
    prepare=_armed("journal.before_insert=kill"),
)
async def killed_before_insert(run: Run) -> None:
    await _killed_by_itself(run)


@case(
    "F4",
    "killed between the ack and telling the others",
    heals_within=WEB_S,
    prepare=_armed("journal.before_announce=linger"),
)
async def killed_before_announce(run: Run) -> None:
    await _killed_by_itself(run)


async def _first_message_kills(run: Run) -> None:
    await run.victim.restart(DEBUG="on", FAILPOINTS="journal.before_announce=linger@1")


@case(
    "F4b",
    "the same, and nobody says anything afterwards",
    heals_within=WEB_S,
    long_only=True,
    prepare=_first_message_kills,
    alone=True,
)
async def killed_before_announce_in_silence(run: Run) -> None:
    """No later message shows that one is missing: the others must be told all the same."""
    await run.open()
    await asyncio.sleep(AFTER_RESTART_S)
    room = run.rooms[0]
    clients = run.clients_of(room)
    sender = next(client for client in clients if client in run.clients_at(run.victim))
    message = await sender.send(room.identity, words(run.rng))
    await run.victim.ended()
    started = time.monotonic()
    elsewhere = [client for client in clients if client in run.clients_at(run.survivor)]
    seq = message["seq"]
    await until(lambda: all(c.rooms[room.identity].seq >= seq for c in elsewhere), forgiven(WEB_S))
    run.note(f"seen elsewhere {time.monotonic() - started:.2f} s after the crash")
    run.fault_over()
    await run.victim.start()


# --- asked to end --------------------------------------------------------------------------


@case("F23", "graceful restart (SIGTERM)", heals_within=WEB_S)
async def graceful_restart(run: Run) -> None:
    """One of them in the short form, each of them in turn in the long one."""
    for worker in run.breakable if run.scale.patient else [run.victim]:
        there = run.clients_at(worker)
        closes = {client: len(client.closes) for client in there}
        started = time.monotonic()
        await worker.terminate()
        run.note(f"{worker.name} ended after {time.monotonic() - started:.2f} s")
        assert all(client.closes[known:][:1] == [1012] for client, known in closes.items())
        await worker.start()
    run.fault_over()
    refused = {code for sent in run.recorder.sent.values() for code in sent.refusals}
    assert refused <= {"disconnected", "unavailable"}, refused


# --- things that are full, and things nobody expects ------------------------------------------


async def _log_into_a_full_disk(run: Run) -> None:
    await run.victim.restart(log=Path("/dev/full"))


@case(
    "F21b",
    "the volume of the log is full",
    heals_within=REDIS_S,
    long_only=True,
    prepare=_log_into_a_full_disk,
)
async def log_volume_full(run: Run) -> None:
    """Redis is cut off for a moment, so that there is something to log."""
    run.victim.redis.refuse()
    run.victim.redis.reset()
    await run.lasts(0.5, 2.0)
    await run.victim.redis.heal()
    run.fault_over()


@case("F22", "no file descriptor is left", heals_within=WEB_S)
async def descriptors_used_up(run: Run) -> None:
    victim = run.victim
    soft, hard = resource.prlimit(victim.pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{victim.pid}/fd"))
    resource.prlimit(victim.pid, resource.RLIMIT_NOFILE, (used + 5, hard))
    strangers = [await asyncio.open_connection("127.0.0.1", victim.port) for _ in range(20)]
    try:
        await run.lasts(0.5, 5.0)
        for client in run.clients_at(victim):
            assert client.connected, "a live socket was closed"
            assert (await client.ask("ping"))["type"] == "ack"
    finally:
        resource.prlimit(victim.pid, resource.RLIMIT_NOFILE, (soft, hard))
        for _reader, writer in strangers:
            writer.close()
    run.fault_over()
    async with asyncio.timeout(forgiven(WEB_S)):
        await run.connect("latecomer", run.people[0], run.site.workers.index(victim))


@case(
    "F29",
    "an error nobody expects, in a command",
    heals_within=WEB_S,
    prepare=_armed("commands.run=raise"),
)
async def error_in_a_command(run: Run) -> None:
    """The command is answered with `internal`; no socket is closed for it."""
    there = run.clients_at(run.victim)
    codes = [await _sync(client) for _ in range(8) for client in there]
    assert codes.count("internal") <= 1, codes
    assert "commands.run" in run.victim.output()
    assert not any(client.closed_on_us for client in there)
    run.fault_over()


async def _sync(client: Client) -> str:
    answer = await client.ask("sync", rooms={})
    return str(answer.get("code", "ack"))


@case(
    "F29b",
    "an error nobody expects, in the journal",
    heals_within=WEB_S,
    long_only=True,
    prepare=_armed("journal.before_insert=raise", "journal.after_insert=raise"),
)
async def error_in_the_journal(run: Run) -> None:
    """A client that waits is told to try again, whether the message is stored or not."""
    await until(lambda: "FailpointError: journal.after_insert" in run.victim.output(), 20)
    assert not any(client.closed_on_us for client in run.clients_at(run.victim))
    run.fault_over()
