"""The socket: handshake, frames in, acks and errors out. It owns the socket, not the rules."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from channels.consumer import AsyncConsumer
from django.conf import settings
from django.utils import translation

from accounts import ws_auth
from accounts.ws_auth import BadOrigin, SocketUser
from chat import announcer, checkpoint, commands, presence, protocol, snapshot
from imsystem import metrics
from imsystem.budgets import COMMAND, reads
from imsystem.env import Rate
from imsystem.errors import AppError, BadRequest, NotAuthenticated, RateLimited, Unavailable
from imsystem.ids import new_identity
from imsystem.loops import PerLoop
from imsystem.outage import is_outage
from imsystem.realtime.buckets import Bucket, Buckets
from imsystem.realtime.connection import Connection
from imsystem.realtime.door import CLOSE_FLOODING, current_door, in_force
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from imsystem.realtime.publish import CLOSE_NOT_AUTHENTICATED
from imsystem.sources import source_of_client

logger = logging.getLogger(__name__)

CLOSE_ORIGIN = 4403
CLOSE_TRY_LATER = 1013
CLOSE_RESTART = 1012

# Commands of one socket that are being carried out. Beyond it, the socket is not read from.
MAX_IN_FLIGHT = 64
# Above the deadline of one database call (5 s); several in a row must not add up.
ANSWER_WITHIN_S = 6.0
# A client that talks nonsense is not one of ours; one bad frame may be a bug.
MAX_BAD_FRAMES = 20
# A crowd that comes back after a restart waits in line: 2,000 at 100 a second of a busy machine.
HANDSHAKE_WITHIN_S = 30.0
# Whoever waits for `retry_after` is refused a few times. This many in a minute is a flood.
REFUSALS = Rate(1_000, 60)
# Before a restart, what is being carried out may take so long; a message takes milliseconds.
LAST_ANSWERS_S = 3.0
# Typing is told to a whole room. More often than clients should say it, to none.
TYPING = Rate(10, 10)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def _messages() -> Buckets:
    return Buckets(in_force(settings.MESSAGES_PER_USER))


def _typing() -> Buckets:
    return Buckets(in_force(TYPING))


# Of each user, over all their sockets of this process.
messages_of_users = PerLoop(_messages)
typing_of_users = PerLoop(_typing)


class ChatConsumer(AsyncConsumer):  # type: ignore[misc]
    """One socket of one device, for all rooms of its user."""

    may_be_silent = False

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serves the socket until it ends.

        In place of Channels' own loop, which makes a task and a thread hop for each frame and
        gives each socket its own channel in the layer; ours belongs to the hub.
        """
        self.scope, self.send_to_server = scope, send
        self.connection_id = new_identity()
        self.in_flight = asyncio.Semaphore(MAX_IN_FLIGHT)
        self.sending = asyncio.Lock()
        self.syncing = asyncio.Lock()
        self.answers: set[asyncio.Task[None]] = set()
        self.bad_frames = 0
        self.finishing = False
        self.prepare_limits()
        await receive()  # websocket.connect
        source = source_of_client(scope.get("client"))
        try:
            current_door().enter(source)
        except AppError as exc:
            await self.turn_away(exc)
            return
        try:
            user = await self.shake_hands()
            if user is not None:
                await self.serve(user, receive)
        finally:
            current_door().leave(source)

    def prepare_limits(self) -> None:
        self.frames = Bucket(in_force(settings.FRAMES_PER_SOCKET))
        self.refusals = Bucket(REFUSALS)
        self.messages, self.typing = messages_of_users(), typing_of_users()

    # --- handshake -------------------------------------------------------------------------

    async def turn_away(self, exc: AppError) -> None:
        """Before the handshake, in HTTP: nothing has been read of a database yet."""
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.send_to_server({"type": "websocket.close"})  # 403
            return
        seconds = getattr(exc, "retry_after", 1)
        headers = [(b"retry-after", str(seconds).encode()), (b"content-type", b"text/plain")]
        start = {"type": "websocket.http.response.start", "status": exc.status, "headers": headers}
        await self.send_to_server(start)
        body = f"{exc.code}\n".encode()
        await self.send_to_server({"type": "websocket.http.response.body", "body": body})

    async def shake_hands(self) -> SocketUser | None:
        """Accepts the socket. Refusals are told by a close code, which needs an open socket."""
        try:
            async with asyncio.timeout(HANDSHAKE_WITHIN_S):
                user = await self.authenticate()
        except BadOrigin:
            code = CLOSE_ORIGIN
        except NotAuthenticated:
            code = CLOSE_NOT_AUTHENTICATED
        except Exception as exc:
            if not is_outage(exc) and not isinstance(exc, Unavailable):
                logger.exception("a handshake failed")
            code = CLOSE_TRY_LATER
        else:
            await self.accept()
            return user
        finally:
            current_door().shaken()
        await self.accept()
        await self.send_to_server({"type": "websocket.close", "code": code})
        return None

    async def authenticate(self) -> SocketUser:
        """Raises BadOrigin, NotAuthenticated, or Unavailable when a database does not answer."""
        return await ws_auth.authenticate(self.scope)

    async def accept(self) -> None:
        offered = self.scope.get("subprotocols", [])
        chosen = protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in offered else None
        await self.send_to_server({"type": "websocket.accept", "subprotocol": chosen})

    def connect(self, user: SocketUser) -> None:
        """The socket's sending side."""
        self.connection = Connection(
            user.user_identity,
            self.send_to_server,  # type: ignore[arg-type]
            self.abort,
            getattr(self.server, "write_frames", None),
        )

    async def serve(self, user: SocketUser, receive: Receive) -> None:
        """Subscribe, `ready`, then frames until the end; leaves no trace in the hub."""
        self.user = user
        self.last_heard = time.monotonic()
        announcer.start_announcing()
        checkpoint.start_checkpoints()
        self.connect(user)
        try:
            reads().check(user.user_identity)
            current_door().admit(self.connection)
        except RateLimited as exc:
            self.connection.release(protocol.error_frame(exc))
            self.connection.close(CLOSE_FLOODING)
            return
        announcer.watch(self)
        try:
            await self.welcome(user)
            presence.current_presence().arrived(user.user_identity)
            await self.read_frames(receive)
        except NotAuthenticated:
            self.connection.close(CLOSE_NOT_AUTHENTICATED)
        except Exception as exc:
            if not is_outage(exc) and not isinstance(exc, Unavailable):
                logger.exception("a socket failed")
            self.connection.close(CLOSE_TRY_LATER)
        finally:
            announcer.unwatch(self)
            current_door().dismiss(self.connection)
            current_hub().remove(self.connection)
            presence.current_presence().left(user.user_identity, time.monotonic())

    async def welcome(self, user: SocketUser) -> None:
        """`ready`. Apart from serve(), which would keep the memberships as long as the socket."""
        members = await snapshot.subscribe(self.connection, user.session_identity)
        self.connection.release(
            await snapshot.ready_frame(self.connection, user, self.connection_id, members)
        )

    def abort(self) -> None:
        """Hangs up without waiting for what the client does not read."""
        if self.transport is not None:
            self.transport.abort()

    def stop_reading(self) -> None:
        """Until it is hung up on, a flood waits in the buffers of whoever sends it."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    @property
    def server(self) -> object:
        """Uvicorn's protocol, which its send() is a method of (ours: embedded/websocket.py)."""
        return getattr(self.send_to_server, "__self__", None)

    @property
    def transport(self) -> asyncio.Transport | None:
        # Other servers than uvicorn close when this ends.
        return getattr(self.server, "transport", None)

    # --- frames ----------------------------------------------------------------------------

    async def read_frames(self, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.connection.discard()
                return
            if self.connection.closing:
                continue
            self.last_heard = now = time.monotonic()
            if not self.frames.take(now):
                self.turn_down(message.get("text"), now)
                await asyncio.sleep(0)  # thousands may have come at once: the others' turn
                continue
            frame = self.understood(message.get("text"))
            if isinstance(frame, protocol.Ping):
                # Waits for nothing, and is nearly all that idle sockets say: no task for it.
                self.connection.push(encode("ack", id=frame.id))
            elif frame is not None:
                await self.in_flight.acquire()
                task = asyncio.get_running_loop().create_task(self.answer(frame))
                self.answers.add(task)
                task.add_done_callback(self.answers.discard)

    def turn_down(self, text: str | None, now: float) -> None:
        """One frame too many, or too late."""
        wait_s = math.ceil(self.frames.wait_s(now))
        error = Unavailable() if self.finishing else RateLimited(wait_s)
        self.refuse(error, protocol.command_id(text) if text else None)

    async def finish(self) -> None:
        """Before a restart: what was said is answered, what is said now is refused, and then the
        client is told to come back."""
        self.finishing = True
        self.frames.shut()
        if self.answers:
            await asyncio.wait(self.answers, timeout=LAST_ANSWERS_S)
        self.connection.close(CLOSE_RESTART)

    def understood(self, text: str | None) -> protocol.Command | None:
        """The command in a text frame; None for what is none, which is refused."""
        try:
            return self.parse(text)
        except protocol.Rejected as exc:
            self.refuse(exc.error, exc.command_id)
            self.count_bad_frame()
        except Exception as exc:
            self.refuse(exc, None)
        return None

    async def answer(self, frame: protocol.Command) -> None:
        """Carries out one command: one ack or one error in time, whatever happens inside."""
        command_id: str | None = getattr(frame, "id", None)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                fields = await self.carry_out(frame)
        except TimeoutError:
            self.refuse(Unavailable(), command_id)
        except Exception as exc:
            self.refuse(exc, command_id)
        else:
            if fields is not None:
                self.connection.push(encode("ack", id=command_id, **fields))
        finally:
            self.in_flight.release()

    async def carry_out(self, frame: protocol.Command) -> dict[str, Any] | None:
        """The fields of the ack, None for none. Messages get in line in the order they came;
        nothing else waits for them, and they wait for nothing else."""
        if not isinstance(frame, protocol.MessageSend):
            return await self.carry_out_other(frame)
        self.must_not_flood()
        started = time.perf_counter()
        async with self.sending:
            stored = await commands.send(self.user.user_identity, frame)
        metrics.gate(time.perf_counter() - started)
        # The bare future: its waiters run before the journal tells the others (journal._commit).
        result = await stored
        metrics.ack(time.perf_counter() - started)
        return {"message": result.message, "duplicate": result.duplicate}

    async def carry_out_other(self, frame: protocol.Command) -> dict[str, Any] | None:
        """Everything but messages."""
        match frame:
            case protocol.AuthRenew():
                return await self.renew(frame)
            case protocol.Typing() if self.typing.take(self.user.user_identity, self.last_heard):
                return None
            case protocol.MessageEdit() | protocol.MessageRecall():
                self.must_not_flood()
            case protocol.Sync():
                async with self.syncing:  # an answer may be of a megabyte
                    return await commands.run(self.user.user_identity, frame)
        return await commands.run(self.user.user_identity, frame)

    def must_not_flood(self) -> None:
        """Raises RateLimited when the user sends too much, here or on another device."""
        wait_s = self.messages.take(self.user.user_identity, self.last_heard)
        if wait_s:
            raise RateLimited(math.ceil(wait_s))

    async def renew(self, frame: protocol.AuthRenew) -> dict[str, Any]:
        """`auth.renew`: the one command about the socket itself. It never shortens its life."""
        reads().check(self.user.user_identity)
        reads().spend(self.user.user_identity, COMMAND)
        until = await ws_auth.renew(self.user, frame.token)
        if until > self.user.expires_at_ms:
            self.user = replace(self.user, expires_at_ms=until)
        return {"expires_at": self.user.expires_at_ms}

    def parse(self, text: str | None) -> protocol.Command:
        if text is None:
            raise protocol.Rejected(protocol.BadFrame())
        if len(text) > protocol.MAX_FRAME_BYTES:  # servers refuse most of these with 1009
            raise protocol.Rejected(protocol.BadFrame())
        started = time.perf_counter()
        frame = protocol.parse(text)
        metrics.decode(time.perf_counter() - started)
        return frame

    def count_bad_frame(self) -> None:
        self.bad_frames += 1
        if self.bad_frames >= MAX_BAD_FRAMES:
            self.connection.close(CLOSE_FLOODING)

    def refuse(self, exc: Exception, command_id: str | None) -> None:
        """Sends the error frame; what nobody expected is logged and told as `internal`. Too many
        refusals of what comes too fast end the socket."""
        if isinstance(exc, RateLimited) and not self.refusals.take(self.last_heard):
            self.connection.cut(CLOSE_FLOODING)
            self.stop_reading()
            return
        if is_outage(exc):
            exc = Unavailable()
        if not isinstance(exc, AppError):
            logger.error("a command failed", exc_info=exc)
            exc = AppError()
        metrics.refusals.labels(exc.code).inc()
        if isinstance(exc, BadRequest) and exc.errors:
            exc = BadRequest(next(iter(exc.errors.values()))[0])
        with translation.override(self.user.language):
            self.connection.push(protocol.error_frame(exc, command_id))
