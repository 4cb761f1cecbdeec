"""The socket: frames in, acks and errors out. It owns the connection and knows no rules.

Its start is in chat/handshake.py, what it may send in imsystem/realtime/socket_limits.py, and the
commands are registered by the apps they belong to (imsystem/realtime/commands.py).
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
from channels.consumer import AsyncConsumer
from django.utils import translation

from chat import checkpoint, presence, snapshot, sweep
from chat.handshake import Handshake
from imsystem.budgets import reads
from imsystem.client_limits import FRAME_BYTES
from imsystem.errors import AppError, BadRequest, NotAuthenticated, RateLimited, Unavailable
from imsystem.http.refusals import hold
from imsystem.ids import new_identity
from imsystem.ops import metrics
from imsystem.ops.lines import current_caller, set_caller
from imsystem.outage import is_outage
from imsystem.realtime import close_codes, sockets, transport
from imsystem.realtime.admission import current_admission
from imsystem.realtime.commands import BadFrame, Command, Rejected, command_id, command_of, parse
from imsystem.realtime.connection import Connection
from imsystem.realtime.frames import encode, error_frame
from imsystem.realtime.hub import current_hub
from imsystem.realtime.socket_limits import SocketLimits
from imsystem.realtime.sockets import SocketUser
from imsystem.sources import source_of_client

logger = logging.getLogger(__name__)

# Commands of one socket that are being carried out. Beyond it, the socket is not read from.
MAX_IN_FLIGHT = 64
# Above the deadline of one database call (5 s); several in a row must not add up.
ANSWER_WITHIN_S = 6.0
# How long a restart waits for commands that are being carried out; a message takes milliseconds.
LAST_ANSWERS_S = 3.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ChatConsumer(AsyncConsumer):  # type: ignore[misc]
    """One socket of one device, for all rooms of its user (a sockets.LiveSocket)."""

    may_be_silent = False
    handshake_class = Handshake

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serves the socket until it ends.

        This replaces Channels' own loop, which makes a task and a thread hop for each frame and
        gives each socket its own channel in the layer; ours belongs to the hub.
        """
        self.scope, self.send_to_server = scope, send
        self.connection_id = new_identity()
        set_caller(replace(current_caller(), connection_id=self.connection_id))
        self.in_flight = asyncio.Semaphore(MAX_IN_FLIGHT)
        self.sending = asyncio.Lock()
        self.syncing = asyncio.Lock()
        self.answers: set[asyncio.Task[None]] = set()
        self.finishing = False
        self.limits = SocketLimits()
        await receive()  # websocket.connect
        handshake = self.handshake_class(scope, send)
        source = source_of_client(scope.get("client"))
        try:
            current_admission().enter(source)
        except AppError as exc:
            await hold(source)
            await handshake.turn_away(exc)
            return
        try:
            user = await handshake.shake_hands()
            del handshake  # an idle socket does not keep it
            if user is not None:
                await self.serve(user, receive)
        finally:
            current_admission().leave(source)

    def connect(self, user: SocketUser) -> None:
        """Makes the socket's sending side."""
        self.connection = Connection(
            user.user_identity,
            self.send_to_server,  # type: ignore[arg-type]
            partial(transport.abort, self.send_to_server),
            transport.write_frames_of(self.send_to_server),
            connection_id=self.connection_id,
        )

    async def serve(self, user: SocketUser, receive: Receive) -> None:
        """Subscribes, sends `ready`, then reads frames. In the end the hub has no trace of it."""
        self.user = user
        self.last_heard = time.monotonic()
        sweep.start_sweeping()
        checkpoint.start_checkpoints()
        self.connect(user)
        try:
            reads().check(user.user_identity)
            current_admission().admit(self.connection)
        except RateLimited as exc:
            await hold(source_of_client(self.scope.get("client")))
            self.connection.release(error_frame(exc))
            self.connection.close(close_codes.FLOODING)
            return
        sockets.watch(self)
        try:
            await self.welcome(user)
            presence.current_presence().arrived(user.user_identity)
            await self.read_frames(receive)
        except NotAuthenticated:
            self.connection.close(close_codes.NOT_AUTHENTICATED)
        except Exception as exc:
            if not is_outage(exc) and not isinstance(exc, Unavailable):
                logger.exception("a socket failed")
            self.connection.close(close_codes.TRY_LATER)
        finally:
            sockets.unwatch(self)
            current_admission().dismiss(self.connection)
            current_hub().remove(self.connection)
            presence.current_presence().left(user.user_identity, time.monotonic())

    async def welcome(self, user: SocketUser) -> None:
        """Sends `ready`. serve() would keep the memberships for as long as the socket lives."""
        memberships = await snapshot.subscribe(self.connection, user.session_identity)
        self.connection.release(
            await snapshot.ready_frame(self.connection, user, self.connection_id, memberships)
        )

    async def finish(self) -> None:
        """Answers what was asked, refuses what comes, and asks the client to come back."""
        self.finishing = True
        self.limits.frames.shut()
        if self.answers:
            await asyncio.wait(self.answers, timeout=LAST_ANSWERS_S)
        self.connection.close(close_codes.RESTART)

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
            text = message.get("text")
            if not self.limits.take_frame(len(text or ""), now):
                self.turn_down(text, now)
                await asyncio.sleep(0)  # thousands may have come at once: the others' turn
                continue
            frame = self.understood(text)
            if frame is not None:
                await self.carry_out(command_of(frame), frame)

    def turn_down(self, text: str | None, now: float) -> None:
        """Refuses a frame that is one too many, or too late."""
        wait_s = math.ceil(self.limits.frames.wait_s(now))
        error = Unavailable() if self.finishing else RateLimited(wait_s)
        self.refuse(error, command_id(text) if text else None)

    def understood(self, text: str | None) -> msgspec.Struct | None:
        """Returns the command in a text frame. Refuses a frame that is none."""
        try:
            return self.parse(text)
        except Rejected as exc:
            self.refuse(exc.error, exc.command_id)
            if not self.limits.take_bad_frame():
                self.connection.close(close_codes.FLOODING)
        except Exception as exc:
            self.refuse(exc, None)
        return None

    def parse(self, text: str | None) -> msgspec.Struct:
        if text is None or len(text) > FRAME_BYTES:  # servers refuse most long ones with 1009
            raise Rejected(BadFrame())
        started = time.perf_counter()
        frame = parse(text)
        metrics.decode(time.perf_counter() - started)
        return frame

    async def carry_out(self, command: Command, frame: msgspec.Struct) -> None:
        """Answers at once, or starts a task that does, if fewer than MAX_IN_FLIGHT are running."""
        if command.handle_at_once is not None:
            self.connection.push(encode(command.handle_at_once(self, frame)))
            return
        await self.in_flight.acquire()
        task = asyncio.get_running_loop().create_task(self.answer(command, frame))
        self.answers.add(task)
        task.add_done_callback(self.answers.discard)

    async def answer(self, command: Command, frame: msgspec.Struct) -> None:
        """Carries out one command: one ack or one error in time, whatever happens inside."""
        command_id: str | None = getattr(frame, "id", None)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                ack = await command.handle(self, frame)  # type: ignore[misc]  # not at once
        except TimeoutError:
            self.refuse(Unavailable(), command_id)
        except Exception as exc:
            self.refuse(exc, command_id)
        else:
            if ack is not None:
                self.connection.push(encode(ack))
        finally:
            self.in_flight.release()

    def refuse(self, exc: Exception, command_id: str | None) -> None:
        """Sends the error frame. An unexpected error is logged and told as `internal`. Too many
        refusals of frames that come too fast end the socket."""
        if isinstance(exc, RateLimited) and not self.limits.refusals.take(self.last_heard):
            self.connection.cut(close_codes.FLOODING)
            transport.stop_reading(self.send_to_server)
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
            self.connection.push(error_frame(exc, command_id))
