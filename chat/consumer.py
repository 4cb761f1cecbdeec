"""The socket: handshake, frames in, acks and errors out. It owns the socket, not the rules."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from channels.consumer import AsyncConsumer
from django.utils import translation

from accounts import ws_auth
from accounts.ws_auth import BadOrigin, SocketUser
from chat import announcer, checkpoint, commands, presence, protocol, snapshot
from imsystem.errors import AppError, BadRequest, NotAuthenticated, Unavailable
from imsystem.ids import new_identity
from imsystem.outage import is_outage
from imsystem.realtime.connection import Connection
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from imsystem.realtime.publish import CLOSE_NOT_AUTHENTICATED

logger = logging.getLogger(__name__)

CLOSE_ORIGIN = 4403
CLOSE_FLOODING = 4429
CLOSE_TRY_LATER = 1013

# Commands of one socket that are being carried out. Beyond it, the socket is not read from.
MAX_IN_FLIGHT = 64
# Above the deadline of one database call (5 s); several in a row must not add up.
ANSWER_WITHIN_S = 6.0
# A client that talks nonsense is not one of ours; one bad frame may be a bug.
MAX_BAD_FRAMES = 20

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


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
        self.answers: set[asyncio.Task[None]] = set()
        self.bad_frames = 0
        await receive()  # websocket.connect
        user = await self.shake_hands()
        if user is not None:
            await self.serve(user, receive)

    # --- handshake -------------------------------------------------------------------------

    async def shake_hands(self) -> SocketUser | None:
        """Accepts the socket. Refusals are told by a close code, which needs an open socket."""
        try:
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
        self.connection = Connection(user.user_identity, self.send_to_server, self.abort)  # type: ignore[arg-type]

    async def serve(self, user: SocketUser, receive: Receive) -> None:
        """Subscribe, `ready`, then frames until the end; leaves no trace in the hub."""
        self.user = user
        self.last_heard = time.monotonic()
        announcer.start_announcing()
        checkpoint.start_checkpoints()
        self.connect(user)
        announcer.watch(self)
        try:
            await snapshot.subscribe(self.connection, user.session_identity)
            self.connection.release(
                await snapshot.ready_frame(self.connection, user, self.connection_id)
            )
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
            current_hub().remove(self.connection)
            presence.current_presence().left(user.user_identity, time.monotonic())

    def abort(self) -> None:
        """Hangs up without waiting for what the client does not read."""
        # Uvicorn's send is a method of its protocol; other servers close when this ends.
        transport = getattr(getattr(self.send_to_server, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()

    # --- frames ----------------------------------------------------------------------------

    async def read_frames(self, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.connection.discard()
                return
            if self.connection.closing:
                continue
            self.last_heard = time.monotonic()
            await self.in_flight.acquire()
            task = asyncio.get_running_loop().create_task(self.answer(message.get("text")))
            self.answers.add(task)
            task.add_done_callback(self.answers.discard)

    async def answer(self, text: str | None) -> None:
        """Carries out one frame: one ack or one error in time, whatever happens inside."""
        command_id: str | None = None
        try:
            frame = self.parse(text)
            command_id = getattr(frame, "id", None)
            async with asyncio.timeout(ANSWER_WITHIN_S):
                fields = await self.carry_out(frame)
        except protocol.Rejected as exc:
            self.refuse(exc.error, exc.command_id)
            self.count_bad_frame()
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
            if isinstance(frame, protocol.AuthRenew):
                return await self.renew(frame)
            return await commands.run(self.user.user_identity, frame)
        async with self.sending:
            stored = await commands.send(self.user.user_identity, frame)
        # The bare future: its waiters run before the journal tells the others (journal._commit).
        result = await stored
        return {"message": result.message, "duplicate": result.duplicate}

    async def renew(self, frame: protocol.AuthRenew) -> dict[str, Any]:
        """`auth.renew`: the one command about the socket itself. It never shortens its life."""
        until = await ws_auth.renew(self.user, frame.token)
        if until > self.user.expires_at_ms:
            self.user = replace(self.user, expires_at_ms=until)
        return {"expires_at": self.user.expires_at_ms}

    def parse(self, text: str | None) -> protocol.Command:
        if text is None:
            raise protocol.Rejected(protocol.BadFrame())
        if len(text) > protocol.MAX_FRAME_BYTES:  # servers refuse most of these with 1009
            raise protocol.Rejected(protocol.BadFrame())
        return protocol.parse(text)

    def count_bad_frame(self) -> None:
        self.bad_frames += 1
        if self.bad_frames >= MAX_BAD_FRAMES:
            self.connection.close(CLOSE_FLOODING)

    def refuse(self, exc: Exception, command_id: str | None) -> None:
        """Sends the error frame; what nobody expected is logged and told as `internal`."""
        if is_outage(exc):
            exc = Unavailable()
        if not isinstance(exc, AppError):
            logger.error("a command failed", exc_info=exc)
            exc = AppError()
        if isinstance(exc, BadRequest) and exc.errors:
            exc = BadRequest(next(iter(exc.errors.values()))[0])
        with translation.override(self.user.language):
            self.connection.push(protocol.error_frame(exc, command_id))
