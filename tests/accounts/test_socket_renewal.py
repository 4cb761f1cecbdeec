"""Sockets end with the token or cookie that opened them, unless `auth.renew` moves the end. Real
frames."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts import services, tickets
from accounts.models import DeviceSession, User
from accounts.services import SignIn
from accounts.tokens import make_tokens, read_access
from chat import sweep
from imsystem.clock import now_ms
from imsystem.errors import Unavailable
from imsystem.threads import run_in_thread
from tests.accounts.conftest import make_user
from tests.accounts.test_tokens import bad_tokens
from tests.sockets import Socket, communicator_of, open_socket

REFUSED = {
    "type": "error",
    "id": "x",
    "code": "forbidden",
    "detail": "This token cannot renew this connection.",
}
QUARTER_MS = 15 * 60 * 1000


class Device:
    """A sign-in with its newest tokens."""

    def __init__(self, signed_in: SignIn) -> None:
        assert signed_in.session is not None
        self.session, self.access, self._refresh = (
            signed_in.session, signed_in.access, signed_in.refresh,
        )  # fmt: skip

    def refresh(self) -> str:
        tokens = services.refresh(refresh=self._refresh)
        self.access, self._refresh = tokens.access, tokens.refresh
        return self.access


def sign_in(user: User) -> Device:
    return Device(services.sign_in_user(user=user, ip="10.0.0.1", device="test"))


@pytest.fixture
async def stack() -> Any:
    """Closes the test's sockets."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def phone(alice: User) -> Device:
    return await run_in_thread(sign_in, alice)


@pytest.fixture
async def alice() -> User:
    return await run_in_thread(make_user, "alice")


Opened = Callable[..., Awaitable[Socket]]


@pytest.fixture
async def opened(stack: AsyncExitStack) -> Opened:
    """Opens sockets with a bearer token, or with a ticket or cookie in `headers` and `query`."""

    async def open_one(token: str | None = None, query: str = "", **headers: str) -> Socket:
        communicator = communicator_of(token, query=query, **headers)
        return await stack.enter_async_context(open_socket(communicator))

    return open_one


async def lives(socket: Socket) -> bool:
    return await socket.ask("ping") == {"type": "ack", "id": "x"}


async def ends_at(socket: Socket, moment: int) -> None:
    """The socket is open a millisecond before, and closed with 4401 then."""
    sweep.close_expired(moment - 1)
    assert await lives(socket)
    sweep.close_expired(moment)
    assert await socket.close_code() == 4401


# --- how long -------------------------------------------------------------------------------


async def test_a_bearers_socket_ends_with_the_token(phone: Device, opened: Opened) -> None:
    socket = await opened(phone.access)
    expires = read_access(phone.access).expires_at_ms
    assert socket.ready["expires_at"] == expires
    await ends_at(socket, expires)


async def test_a_tickets_socket_ends_with_the_token_it_was_bought_with(
    phone: Device, opened: Opened
) -> None:
    expires = read_access(phone.access).expires_at_ms
    ticket = await run_in_thread(tickets.issue_ticket, phone.session, expires_at_ms=expires)
    socket = await opened(query=f"ticket={ticket}")
    assert socket.ready["expires_at"] == expires
    await ends_at(socket, expires)


def browser_of(user: User) -> tuple[str, str, DeviceSession]:
    """Its cookie, a ticket bought with it, its device session."""
    client = Client()
    client.force_login(user)
    ticket = client.post("/api/v1/auth/ticket/").json()["ticket"]
    return client.cookies["sessionid"].value, ticket, DeviceSession.objects.get()


@pytest.mark.parametrize("by_ticket", [True, False])
async def test_a_browsers_socket_ends_with_its_device_session(
    alice: User, opened: Opened, by_ticket: bool
) -> None:
    cookie, ticket, session = await run_in_thread(browser_of, alice)
    if by_ticket:
        socket = await opened(query=f"ticket={ticket}")
    else:
        socket = await opened(cookie=f"sessionid={cookie}", origin="http://localhost")
    assert socket.ready["expires_at"] == session.expires_at
    await ends_at(socket, session.expires_at)


async def test_only_expired_sockets_are_closed(alice: User, opened: Opened) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        early = await run_in_thread(sign_in, alice)
        clock.shift(timedelta(seconds=1))
        late = await run_in_thread(sign_in, alice)
    with time_machine.travel("2026-11-22T10:00:01Z", tick=False):
        first, second = await opened(early.access), await opened(late.access)
    sweep.close_expired(first.ready["expires_at"])
    assert await first.close_code() == 4401
    assert await lives(second)


async def test_the_watch_closes_it_in_time(
    alice: User, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket closes by itself, within WATCH_S."""
    monkeypatch.setattr(sweep, "WATCH_S", 0.05)
    with time_machine.travel(now_ms() / 1000 - 899) as clock:
        device = await run_in_thread(sign_in, alice)
        clock.shift(timedelta(seconds=897))
        socket = await opened(device.access)
        assert await socket.close_code() == 4401


async def test_what_an_expired_socket_says_is_not_listened_to(
    phone: Device, opened: Opened
) -> None:
    socket = await opened(phone.access)
    sweep.close_expired(socket.ready["expires_at"])
    await socket.say(type="auth.renew", id="x", token=phone.access)
    assert await socket.close_code() == 4401


async def test_the_sweep_ends_sockets_of_expired_device_sessions(
    phone: Device, opened: Opened
) -> None:
    socket = await opened(phone.access)
    await run_in_thread(DeviceSession.objects.update, expires_at=now_ms() + 60_000)
    await sweep.sweep()
    assert await lives(socket)
    await run_in_thread(DeviceSession.objects.update, expires_at=now_ms())
    await sweep.sweep()
    assert await socket.close_code() == 4401


# --- renewing -------------------------------------------------------------------------------


async def test_a_newer_token_moves_the_end(alice: User, opened: Opened) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        device = await run_in_thread(sign_in, alice)
        socket = await opened(device.access)
        clock.shift(timedelta(minutes=10))
        newer = await run_in_thread(device.refresh)
        until = now_ms() + QUARTER_MS
        answer = await socket.ask("auth.renew", token=newer)
        assert answer == {"type": "ack", "id": "x", "expires_at": until}
        sweep.close_expired(socket.ready["expires_at"])
        assert await lives(socket)
        await ends_at(socket, until)


async def test_an_older_token_takes_nothing_away(alice: User, opened: Opened) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        device = await run_in_thread(sign_in, alice)
        older = device.access
        clock.shift(timedelta(minutes=10))
        socket = await opened(await run_in_thread(device.refresh))
        answer = await socket.ask("auth.renew", token=older)
    assert answer == {"type": "ack", "id": "x", "expires_at": socket.ready["expires_at"]}
    await ends_at(socket, socket.ready["expires_at"])


async def test_no_other_token_renews(alice: User, opened: Opened) -> None:
    """Expired and forged tokens, `none`, refresh tokens, those of other users and other devices…"""
    bob = await run_in_thread(make_user, "bob")
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        device, other = [await run_in_thread(sign_in, alice) for _ in range(2)]
        of_bob = await run_in_thread(sign_in, bob)
        tokens = await run_in_thread(bad_tokens, alice, bob)
        del tokens["64 kB"]  # over the limit of the frame
        tokens |= {"own refresh": device._refresh, "other device": other.access}
        tokens |= {"somebody else": of_bob.access, "expired": device.access}
        clock.shift(timedelta(minutes=15))
        socket = await opened(await run_in_thread(device.refresh))
        clock.shift(timedelta(minutes=1))
        tokens["other device, newer"] = await run_in_thread(other.refresh)
        tokens["somebody else, newer"] = await run_in_thread(of_bob.refresh)
        for name, token in tokens.items():
            assert await socket.ask("auth.renew", token=token) == REFUSED, name
    await ends_at(socket, socket.ready["expires_at"])


@pytest.mark.parametrize("token", [None, 1, {"$ne": None}, ["x"], "x" * 4097])
async def test_what_is_no_text_is_a_bad_request(phone: Device, opened: Opened, token: Any) -> None:
    socket = await opened(phone.access)
    assert (await socket.ask("auth.renew", token=token))["code"] == "bad_request"
    assert await lives(socket)


@pytest.mark.parametrize("how", ["revoked", "expired", "deactivated", "deleted"])
async def test_what_has_ended_is_not_renewed(
    alice: User, phone: Device, opened: Opened, how: str
) -> None:
    """Even when nobody told the socket to close."""
    socket = await opened(phone.access)
    sessions, users = DeviceSession.objects, User.objects
    end: dict[str, Callable[[], object]] = {
        "revoked": lambda: sessions.update(revoked_at=1),
        "expired": lambda: sessions.update(expires_at=now_ms()),
        "deactivated": lambda: users.update(is_active=False),
        "deleted": lambda: users.all().delete(),
    }
    await run_in_thread(end[how])
    assert await socket.ask("auth.renew", token=phone.access) == REFUSED


async def test_revoking_ends_a_renewed_socket(alice: User, phone: Device, opened: Opened) -> None:
    socket = await opened(phone.access)
    newer = await run_in_thread(phone.refresh)
    assert (await socket.ask("auth.renew", token=newer))["type"] == "ack"
    await run_in_thread(services.revoke_all, user=alice)
    assert await socket.close_code() == 4401


async def test_a_browsers_socket_is_not_shortened_by_a_token(alice: User, opened: Opened) -> None:
    cookie, _ticket, session = await run_in_thread(browser_of, alice)
    socket = await opened(cookie=f"sessionid={cookie}", origin="http://localhost")
    answer = await socket.ask("auth.renew", token=make_tokens(session).access)
    assert answer == {"type": "ack", "id": "x", "expires_at": session.expires_at}


async def test_a_database_that_is_away_can_be_asked_again(
    phone: Device, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise Unavailable

    socket = await opened(phone.access)
    monkeypatch.setattr("accounts.ws_auth.owner_of", away)
    answer = await socket.ask("auth.renew", token=phone.access)
    assert (answer["code"], answer["retry_after"]) == ("unavailable", 2)
    monkeypatch.undo()
    assert (await socket.ask("auth.renew", token=phone.access))["type"] == "ack"
