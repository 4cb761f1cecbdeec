"""A client that keeps its promise (docs/protocol.md), and records everything it receives."""

import asyncio
import json
import random
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.leaks import said
from tests.system.timeline import Timeline

Json = dict[str, Any]

RECONNECT_S = 0.2
# "Ask again a little later": something before the newest message may still be on its way.
ASK_AGAIN_S = 0.5
# After these, sending again under the same client_id is right.
PASSING = {"unavailable", "internal", "rate_limited", "disconnected", "timeout"}


@dataclass(frozen=True)
class Patience:
    """How long a client waits, in seconds. `pulse`: it pings that often, and hangs up when no
    answer comes within `silence`; 0 for never."""

    connect: float = 10.0
    answer: float = 20.0
    pulse: float = 0.0
    silence: float = 2.0
    reconnect: float = RECONNECT_S


PATIENT = Patience()


class Log(Protocol):
    """Is told what a client does and receives (tests/faults/recorder.py)."""

    def attempt(self, room: str, client_id: str, data: str) -> None: ...

    def refused(self, client_id: str, code: str) -> None: ...

    def acked(self, message: Json, repeated: bool) -> None: ...

    def received(self, message: Json, how: str) -> None: ...


class NoLog:
    def attempt(self, room: str, client_id: str, data: str) -> None: ...

    def refused(self, client_id: str, code: str) -> None: ...

    def acked(self, message: Json, repeated: bool) -> None: ...

    def received(self, message: Json, how: str) -> None: ...


class Client:
    """One device: connections come and go, timelines and unsent messages stay.

    `heads_only`: a gap in what it receives is no reason to ask, only `room.heads` is. With several
    `urls` it goes to the next one when one is lost.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        token: str,
        *,
        heads_only: bool = False,
        patience: Patience = PATIENT,
        log: Log | None = None,
    ) -> None:
        urls = [url] if isinstance(url, str) else url
        self._urls = list(urls)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._heads_only = heads_only
        self._patience = patience
        self._log = log or NoLog()
        self.rooms: defaultdict[str, Timeline] = defaultdict(Timeline)
        self.frames: list[Json] = []  # all events, as they came
        self.acked: dict[str, Json] = {}  # client_id -> message
        self.sent: set[str] = set()  # client_ids
        self.answers: list[tuple[str, float]] = []  # code ("ack", "unavailable"…), seconds
        self.closes: list[int] = []
        self.hang_ups = 0
        self._heard = time.monotonic()
        self._socket: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._counter = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._syncing = False
        self._news = False  # heads came since the last sync was sent
        self._ended = False

    # --- connection ------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._spawn(self._stay_connected())
        async with asyncio.timeout(self._patience.answer):
            await self._ready.wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended = True
        if self._socket is not None:
            await self._socket.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        """Returns our end of the connection."""
        assert self._socket is not None
        return int(self._socket.local_address[1])

    @property
    def url(self) -> str:
        """Returns the server it is connected to, or tries to reach."""
        return self._urls[0]

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    @property
    def closed_on_us(self) -> bool:
        """Returns whether a connection ended that we did not end ourselves."""
        return len(self.closes) > self.hang_ups

    @property
    def settled(self) -> bool:
        """Returns whether it lacks nothing and asks for nothing."""
        return not self._syncing and not any(line.lacking for line in self.rooms.values())

    async def _stay_connected(self) -> None:
        while not self._ended:
            with suppress(OSError, InvalidHandshake, InvalidMessage, TimeoutError):
                await self._one_connection(self.url.replace("http", "ws", 1) + "/ws/")
            self._urls.append(self._urls.pop(0))
            await asyncio.sleep(self._patience.reconnect * random.uniform(0.5, 1))

    async def _one_connection(self, address: str) -> None:
        options: Json = {"subprotocols": ["im.v1"], "additional_headers": self._headers}
        options |= {"compression": None, "proxy": None, "max_size": None, "close_timeout": 1}
        options |= {"open_timeout": self._patience.connect}
        async with connect(address, **options) as socket:
            self._socket = socket
            pulse = asyncio.create_task(self._feel_pulse(socket))
            try:
                async for text in socket:
                    self._hear(json.loads(text))
            except ConnectionClosed:
                pass
            finally:
                pulse.cancel()
                self._lost(socket.close_code or 0)

    async def _feel_pulse(self, socket: ClientConnection) -> None:
        """Hangs up without a word when nothing arrives: a server that is gone does not answer.

        Counts what it has waited for, not what the clock says: when this process did not get the
        processor, the answers are there and not read yet.
        """
        silent, self._heard = 0.0, time.monotonic()
        while self._patience.pulse:
            with suppress(ConnectionClosed):
                await socket.send(json.dumps({"type": "ping", "id": "pulse"}))
            asked = time.monotonic()
            await asyncio.sleep(self._patience.pulse)
            silent = 0.0 if self._heard >= asked else silent + self._patience.pulse
            if silent > self._patience.silence:
                self.hang_up()
                return

    def _lost(self, code: int) -> None:
        self._ready.clear()
        self.closes.append(code)
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_result({"type": "error", "code": "disconnected"})
        if code == 4401:
            self._ended = True

    # --- frames ----------------------------------------------------------------------------

    def _hear(self, frame: Json) -> None:
        self._heard = time.monotonic()
        if frame["type"] in ("ack", "error"):
            answer = self._waiting.pop(frame.get("id", ""), None)
            if answer and not answer.done():
                answer.set_result(frame)
            return
        self.frames.append(frame)
        handle = {
            "ready": self._on_ready,
            "message.created": self._on_created,
            "message.updated": lambda f: self.rooms[f["room_identity"]].updated(f["message"]),
            "room.heads": self._on_heads,
        }.get(frame["type"])
        if handle:
            handle(frame)
            if not self._heads_only or frame["type"] in ("ready", "room.heads"):
                self._pull()

    def _on_ready(self, frame: Json) -> None:
        for room in frame["rooms"]:
            self.rooms[room["identity"]].announced(room["last_seq"], room["revision"])
        self._ready.set()

    def _on_created(self, frame: Json) -> None:
        self._log.received(frame["message"], "event")
        self.rooms[frame["room_identity"]].created(frame["message"])

    def _on_heads(self, frame: Json) -> None:
        for room, head in frame["rooms"].items():
            self.rooms[room].announced(head["seq"], head["revision"])
        self._news = True

    def _pull(self) -> None:
        if not self._syncing and any(timeline.lacking for timeline in self.rooms.values()):
            self._syncing = True
            self._spawn(self._sync())

    async def _sync(self) -> None:
        try:
            while self.connected and await self._sync_once():
                pass
        finally:
            self._syncing = False

    async def _sync_once(self) -> bool:
        """Returns whether there is more to ask for."""
        self._news = False
        lacking = {room: line for room, line in self.rooms.items() if line.lacking}
        known = {room: (line.seq, line.revision) for room, line in lacking.items()}
        asked = {room: {"seq": seq, "revision": rev} for room, (seq, rev) in known.items()}
        answer = await self.ask("sync", rooms=asked)
        for room, delta in answer.get("rooms", {}).items():
            for message in delta["messages"]:
                self._log.received(message, "sync")
            lacking[room].synced(delta)
        if any(delta["has_more"] for delta in answer.get("rooms", {}).values()):
            return True
        if self._heads_only and answer["type"] == "ack":
            deltas = answer["rooms"].values()
            may_come = any(delta["complete_to"] < delta["last_seq"] for delta in deltas)
            await asyncio.sleep(ASK_AGAIN_S if may_come else 0)
            return self._news or may_come
        if {room: (line.seq, line.revision) for room, line in lacking.items()} == known:
            await asyncio.sleep(ASK_AGAIN_S)
        return any(line.lacking for line in self.rooms.values())

    # --- commands --------------------------------------------------------------------------

    async def ask(self, kind: str, **fields: object) -> Json:
        """Sends one command and returns its ack or error; codes `disconnected` and `timeout` are
        our own."""
        if self._socket is None or not self.connected:
            return {"type": "error", "code": "disconnected"}
        self._counter += 1
        command_id = str(self._counter)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[command_id] = answer
        try:
            async with asyncio.timeout(self._patience.answer):
                await self._socket.send(json.dumps({"type": kind, "id": command_id, **fields}))
                return await answer
        except ConnectionClosed:
            return {"type": "error", "code": "disconnected"}
        except TimeoutError:
            return {"type": "error", "code": "timeout"}

    async def try_to_send(self, room: str, data: str, client_id: str) -> Json:
        """Makes one attempt; its outcome and how long it took are kept in `answers`."""
        self.sent.add(client_id)
        said(data)
        self._log.attempt(room, client_id, data)
        started = time.monotonic()
        fields = {"room_identity": room, "client_id": client_id, "data": data}
        answer = await self.ask("message.send", **fields)
        outcome = "ack" if answer["type"] == "ack" else answer["code"]
        self.answers.append((outcome, time.monotonic() - started))
        if outcome == "ack":
            self.acked[client_id] = answer["message"]
            self._log.acked(answer["message"], answer["duplicate"])
        else:
            self._log.refused(client_id, outcome)
        return answer

    async def send(self, room: str, data: str, client_id: str = "") -> Json:
        """Sends a message until it is acknowledged, whatever fails in between."""
        client_id = client_id or secrets.token_hex(8)
        while True:
            await self._ready.wait()
            answer = await self.try_to_send(room, data, client_id)
            if answer["type"] == "ack":
                message: Json = answer["message"]
                return message
            assert answer["code"] in PASSING, answer
            await asyncio.sleep(random.uniform(RECONNECT_S, 0.5))

    async def renew(self, token: str) -> None:
        """Goes on with a newer access token, now and after each reconnect."""
        self._headers["Authorization"] = f"Bearer {token}"
        answer = await self.ask("auth.renew", token=token)
        assert answer["type"] == "ack" or answer["code"] in PASSING, answer

    # --- what was heard --------------------------------------------------------------------

    def know(self, other: "Client") -> None:
        """Begins where another device of the same user is now."""
        for room, line in other.rooms.items():
            self.rooms[room].seq, self.rooms[room].revision = line.seq, line.revision

    def forget(self) -> None:
        """Drops what it sent and received so far; what it shows goes on from there."""
        for heard in (self.frames, self.acked, self.sent, self.answers, self.closes):
            heard.clear()
        self.hang_ups = 0
        for timeline in self.rooms.values():
            timeline.forget()

    def created(self, room: str) -> list[int]:
        """Returns the seq of every `message.created` of a room, as they came."""
        return [
            frame["message"]["seq"]
            for frame in self.frames
            if frame["type"] == "message.created" and frame["room_identity"] == room
        ]

    def heard(self, kind: str) -> list[Json]:
        return [frame for frame in self.frames if frame["type"] == kind]

    def hang_up(self) -> None:
        """Ends the connection as a lost network does; it is built up again."""
        if self._socket is not None and not self._socket.transport.is_closing():
            self.hang_ups += 1
            self._socket.transport.abort()

    def move(self, url: str) -> None:
        """Reconnects, to this one of its servers."""
        if url != self.url:
            self._urls.remove(url)
            self._urls.insert(1, url)  # a client that loses a server goes to the next
            self.hang_up()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def until(true: Callable[[], bool], seconds: float = 10.0) -> float:
    """Polls until `true()` and returns after how many seconds. Fails after `seconds`."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - started
