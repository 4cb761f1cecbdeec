"""Two web processes serve one room: wherever users are connected, all see the same. At the end the
processes end: one by one and all together, while users talk (F1, F23)."""

import asyncio
import os
import re
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from tests.system.burst import Burst, all_connected, stored_is_what_was_acked
from tests.system.clients import Client, until
from tests.system.conftest import Measured
from tests.system.people import PASSWORD, Person, register, register_all, room_of, sign_in
from tests.system.system import System, started, worker_of
from tests.up import runs

SENDERS = 10
MESSAGES_EACH = 20
TAKES_EFFECT_S = 2.0
ENDS_WITHIN_S = 10.0
# The kernel hands connections to whichever process is free; this many tries reach both.
MAX_TRIES = 100


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("workers")
    running = System(home, "--workers", "2", MESSAGES_PER_USER="off")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
async def people(system: System) -> AsyncIterator[list[Person]]:
    registered = await register_all(system.url, system.data_dir / "mail", SENDERS)
    yield registered
    for person in registered:
        await person.api.aclose()


@asynccontextmanager
async def on_both_workers(
    system: System, tokens: list[str], each: int
) -> AsyncIterator[list[Client]]:
    """`each` connected clients on each worker; the tokens are given to them in turn."""
    async with AsyncExitStack() as stack:
        found: dict[int, list[Client]] = {worker: [] for worker in system.workers()}
        for attempt in range(MAX_TRIES):
            if all(len(clients) == each for clients in found.values()):
                break
            token = tokens[attempt % len(tokens)]
            client = await stack.enter_async_context(Client(system.url, token))
            clients = found[worker_of(system, client.port)]
            if len(clients) < each:
                clients.append(client)
        assert [len(clients) for clients in found.values()] == [each, each]
        # Returns one of each worker in turn.
        yield [client for pair in zip(*found.values(), strict=True) for client in pair]


async def test_everybody_gets_everything_once_and_in_order(
    system: System, people: list[Person], measured: Measured
) -> None:
    room = await room_of(people)
    tokens = [person.token for person in people]
    async with on_both_workers(system, tokens, SENDERS) as clients:
        started = time.monotonic()
        await asyncio.gather(*(_say_all(client, room) for client in clients[:SENDERS]))
        sent = time.monotonic() - started
        everything = list(range(1, SENDERS * MESSAGES_EACH + 1))
        await until(lambda: all(len(c.created(room)) >= len(everything) for c in clients))
        took = time.monotonic() - started
        measured(f"{len(everything)} messages acked in {sent:.2f} s, at 20 sockets in {took:.2f} s")
        for client in clients:
            assert client.created(room) == everything
            assert [message["seq"] for message in client.rooms[room].shown] == everything
    acked = [message["seq"] for client in clients for message in client.acked.values()]
    assert sorted(acked) == everything


async def _say_all(client: Client, room: str) -> None:
    """All of them are under way at once; each ack is for the message it belongs to."""
    texts = [f"{secrets.token_hex(4)} {number}" for number in range(MESSAGES_EACH)]
    acked = await asyncio.gather(*(client.send(room, text) for text in texts))
    assert [message["data"] for message in acked] == texts
    # The messages of one socket keep their order.
    assert [message["seq"] for message in acked] == sorted(message["seq"] for message in acked)


async def test_what_rest_sends_reaches_the_sockets_of_both(
    system: System, people: list[Person], measured: Measured
) -> None:
    room = await room_of(people[:3])
    async with on_both_workers(system, [people[1].token, people[2].token], 2) as clients:
        started = time.monotonic()
        for number in range(1, 11):
            body = {"client_id": f"rest-{number}", "data": "by REST"}
            message = await people[0].call("POST", f"rooms/{room}/messages/", **body)
            assert message["seq"] == number
        await until(lambda: all(len(client.created(room)) == 10 for client in clients))
        measured(f"10 messages one after the other {time.monotonic() - started:.2f} s")
        assert [client.created(room) for client in clients] == [list(range(1, 11))] * 4


async def test_the_same_message_through_many_sockets_is_stored_once(
    system: System, people: list[Person], measured: Measured
) -> None:
    room = await room_of(people[:2])
    async with on_both_workers(system, [people[0].token], 3) as clients:
        for number in range(20):
            await _send_everywhere(clients, people[0], room, f"same-{number}")
        took = await until(lambda: all(len(client.rooms[room].shown) == 20 for client in clients))
        measured(f"shown everywhere {took:.2f} s after the last ack")
        for client in clients:
            shown = [message["client_id"] for message in client.rooms[room].shown]
            assert shown == [f"same-{number}" for number in range(20)]
    stored = await people[0].history(room)
    assert [message["client_id"] for message in stored] == shown


async def _send_everywhere(
    clients: list[Client], person: Person, room: str, client_id: str
) -> None:
    """At the same moment through all sockets and over REST: one is first, all learn the same."""
    body = {"client_id": client_id, "data": "the same"}
    *by_socket, by_rest = await asyncio.gather(
        *(client.try_to_send(room, "the same", client_id) for client in clients),
        person.call("POST", f"rooms/{room}/messages/", **body),
    )
    answers = [(ack["message"]["identity"], ack["duplicate"]) for ack in by_socket]
    answers.append((by_rest["identity"], by_rest["duplicate"]))
    assert len({identity for identity, _duplicate in answers}) == 1
    assert [duplicate for _identity, duplicate in answers].count(False) == 1


async def test_a_revoked_session_ends_on_both(
    system: System, people: list[Person], measured: Measured
) -> None:
    here = people[0]
    phone = await sign_in(here)
    async with on_both_workers(system, [phone.token], 2) as clients:
        devices = (await phone.call("GET", "auth/sessions/"))["results"]
        (identity,) = [device["identity"] for device in devices if device["current"]]
        await here.call("DELETE", f"auth/sessions/{identity}/")
        took = await until(lambda: all(client.closes for client in clients), TAKES_EFFECT_S)
        measured(f"everywhere {took * 1000:.0f} ms after the answer")
        assert [client.closes for client in clients] == [[4401]] * 4
    assert (await phone.api.get("users/me/")).status_code == 401
    assert (await here.api.get("users/me/")).status_code == 200
    await phone.api.aclose()


async def test_a_kicked_member_hears_and_says_nothing_more_on_either(
    system: System, people: list[Person], measured: Measured
) -> None:
    kicked = await register(system.url, system.data_dir / "mail", "kicked")
    room = await room_of([people[0], kicked])
    async with on_both_workers(system, [kicked.token], 2) as clients:
        for client in clients:
            await client.send(room, "still here")
        await people[0].call("DELETE", f"rooms/{room}/members/{kicked.identity}/")
        took = await until(
            lambda: all(client.heard("room.removed") for client in clients), TAKES_EFFECT_S
        )
        measured(f"everywhere {took * 1000:.0f} ms after the answer")
        for client in clients:
            answer = await client.try_to_send(room, "let me in", secrets.token_hex(4))
            assert answer["code"] == "not_found"
        await _says_what_they_do_not_hear(people[0], room, clients)
    await kicked.api.aclose()


async def _says_what_they_do_not_hear(owner: Person, room: str, clients: list[Client]) -> None:
    before = [client.created(room) for client in clients]
    body = {"client_id": "after", "data": "they are gone"}
    await owner.call("POST", f"rooms/{room}/messages/", **body)
    await asyncio.sleep(0.5)  # there is nothing to poll for: it must not come
    for client in clients:
        assert (await client.ask("ping"))["type"] == "ack"
        assert client.heard("room.removed")[0]["reason"] == "kicked"
    assert [client.created(room) for client in clients] == before


async def _log_out(system: System, here: Person, phone: Person) -> None:
    await phone.call("POST", "auth/logout/", refresh=phone.refresh)


async def _sign_the_others_out(system: System, here: Person, phone: Person) -> None:
    await here.call("DELETE", "auth/sessions/")


async def _change_the_password(system: System, here: Person, phone: Person) -> None:
    body = {"old_password": PASSWORD, "new_password": f"another {PASSWORD}"}
    await here.call("POST", "auth/password/change/", **body)


async def _use_a_token_twice(system: System, here: Person, phone: Person) -> None:
    body = {"refresh": phone.refresh}
    await phone.call("POST", "auth/refresh/", **body)
    assert (await phone.api.post("auth/refresh/", json=body)).status_code == 401


async def _be_deactivated(system: System, here: Person, phone: Person) -> None:
    """Done by an administrator, on the page of the user."""
    root = await asyncio.to_thread(system.superuser)
    page = f"/admin/accounts/user/{here.identity}/change/"
    fields = {"account": here.account, "email": f"{here.account}@example.org"}
    async with httpx.AsyncClient(base_url=system.url, timeout=30, trust_env=False) as admin:
        signing_in = {"username": root, "password": PASSWORD, "next": page}
        await _fill_in(admin, "/admin/login/", signing_in)
        await _fill_in(admin, page, {**fields, "nickname": "gone", "sex": "0"})


async def _fill_in(admin: httpx.AsyncClient, page: str, fields: dict[str, str]) -> None:
    """Loads a page of the admin and sends its form; what is not in `fields` is left empty."""
    form = await admin.get(page)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
    assert token, form.text
    answer = await admin.post(page, data={**fields, "csrfmiddlewaretoken": token[1]})
    assert answer.status_code == 302, answer.text


@pytest.mark.parametrize(
    ("number", "end", "stays"),
    [
        (5, _log_out, True),
        (6, _sign_the_others_out, True),
        (7, _change_the_password, True),
        (8, _use_a_token_twice, True),
        (9, _be_deactivated, False),
    ],
)
async def test_every_end_of_a_device_session_ends_its_sockets_on_both(
    system: System,
    people: list[Person],
    measured: Measured,
    number: int,
    end: Callable[[System, Person, Person], Awaitable[None]],
    stays: bool,
) -> None:
    here = people[number]
    phone = await sign_in(here)
    async with (
        on_both_workers(system, [phone.token], 2) as clients,
        Client(system.url, here.token) as own,
    ):
        await end(system, here, phone)
        took = await until(lambda: all(client.closes for client in clients), TAKES_EFFECT_S)
        measured(f"everywhere {took * 1000:.0f} ms after the answer")
        assert [client.closes for client in clients] == [[4401]] * 4
        if stays:
            assert (await own.ask("ping"))["type"] == "ack"
    assert (await phone.api.get("users/me/")).status_code == 401
    assert (await here.api.get("users/me/")).status_code == (200 if stays else 401)
    await phone.api.aclose()


# --- ends -----------------------------------------------------------------------------------
# Of the first four: the tests above have signed the others out.


def _spread(system: System, clients: list[Client]) -> dict[int, list[Client]]:
    """Returns which worker serves which client."""
    served: dict[int, list[Client]] = {worker: [] for worker in system.workers()}
    for client in clients:
        served[worker_of(system, client.port)].append(client)
    return served


async def _replaced(system: System, old: int) -> float:
    """Waits until there are two workers that serve, and returns after how many seconds."""
    begun = time.monotonic()
    lines = system.output().count("serves again")
    await until(lambda: system.output().count("serves again") > lines, ENDS_WITHIN_S)
    workers = system.workers()
    started.update(workers)
    assert len(workers) == 2
    assert old not in workers
    return time.monotonic() - begun


async def test_a_killed_worker_is_replaced(
    system: System, people: list[Person], measured: Measured
) -> None:
    """The databases and the other worker go on."""
    room = await room_of(people[:4])
    async with all_connected(people[:4] * 3) as clients, Burst(clients, room) as burst:
        served = _spread(system, clients)
        victim, survivor = served
        await burst.until_acked(50)
        os.kill(victim, signal.SIGKILL)
        took = await _replaced(system, victim)
        measured(f"another worker serves after {took:.1f} s")
        assert all(not client.closes for client in served[survivor])
        await until(lambda: all(client.connected for client in clients))
        await burst.until_acked(50)
        await burst.stop()
        await until(lambda: burst.complete(burst.head))
        await stored_is_what_was_acked(people[0], burst)
    assert "was killed by SIGKILL. It is started again." in system.output()


async def test_a_worker_is_asked_to_end(
    system: System, people: list[Person], measured: Measured
) -> None:
    """What was said is answered, then all are told to come back; nobody else notices."""
    room = await room_of(people[:4])
    async with all_connected(people[:4] * 3) as clients, Burst(clients, room) as burst:
        served = _spread(system, clients)
        victim = max(served, key=lambda worker: len(served[worker]))
        await burst.until_acked(50)
        begun = time.monotonic()
        os.kill(victim, signal.SIGTERM)
        await until(lambda: not runs(victim), ENDS_WITHIN_S)
        measured(f"ended after {time.monotonic() - begun:.2f} s with {len(served[victim])} sockets")
        assert [client.closes for client in served[victim]] == [[1012]] * len(served[victim])
        await until(lambda: all(client.connected for client in clients))
        await burst.stop()
        await until(lambda: burst.complete(burst.head))
        await stored_is_what_was_acked(people[0], burst)
        outcomes = {outcome for client in clients for outcome, _seconds in client.answers}
        assert outcomes <= {"ack", "unavailable", "disconnected"}
        for worker, others in served.items():
            assert worker == victim or all(not client.closes for client in others)


async def test_everything_is_asked_to_end(
    system: System, people: list[Person], measured: Measured
) -> None:
    """Sends SIGTERM to `up` while users talk."""
    await until(lambda: len(system.workers()) == 2, ENDS_WITHIN_S)
    started.update(system.workers())
    room = await room_of(people[:4])
    async with all_connected(people[:4] * 3) as clients, Burst(clients, room) as burst:
        await burst.until_acked(50)
        begun = time.monotonic()
        assert await asyncio.to_thread(system.stop) == 0
        measured(f"ended after {time.monotonic() - begun:.2f} s")
        assert {tuple(client.closes[:1]) for client in clients} == {(1012,)}
        assert "was killed" not in system.output().rpartition("stopping")[2]
