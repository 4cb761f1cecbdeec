"""The table over the socket; and the same while roles change under open sockets."""

from collections.abc import Callable

import pytest

from accounts.models import User
from chat import inbox
from imsystem.clock import now_ms
from imsystem.threads import run_in_thread
from rooms import services
from rooms.choices import Role
from tests.conftest import hand_over
from tests.matrix.table import CELLS, LASTING, ROLES, SOCKET, VISITORS, WORDS, filled
from tests.matrix.world import Place, forget, known_places, make_place, places, stored
from tests.sockets import Socket, communicator_of, socket_of


async def outcome_of(socket: Socket, action: str, names: dict[str, str]) -> str:
    """Returns what the socket answers, in the words of the table."""
    kind, fields = SOCKET[action]
    answer = await socket.ask(kind, **filled(fields, names))
    if answer["type"] == "error":
        return WORDS[answer["code"]]
    if answer.get("removed"):  # how sync says that a room does not exist for the user
        assert answer == {"type": "ack", "id": "x", "rooms": {}, "removed": [names["room"]]}
        return "404"
    return "ok"


async def check_typing(socket: Socket, user: User, where: Place, expected: str) -> None:
    """It has no id and is not acknowledged: either a member receives it, or the typist an error."""
    heard = {"type": "typing", "room_identity": where.room.pk, "user_identity": user.pk}
    async with socket_of(where.people["peer"]) as other:
        await socket.say(type="typing", room_identity=where.room.pk)
        if expected == "ok":
            assert await other.hear_until("typing") == heard
            return
        error = await socket.hear_until("error")
        assert (error.get("id"), WORDS[error["code"]]) == (None, expected)
        # Whatever else was on its way comes before the answer to this.
        await other.say(type="ping", id="later")
        while (frame := await other.hear()).get("id") != "later":
            assert frame != heard


async def check_socket(user: User, action: str, where: Place, role: str, expected: str) -> None:
    before = await run_in_thread(stored)
    async with socket_of(user) as socket:
        if action == "typing":
            await check_typing(socket, user, where, expected)
        else:
            assert await outcome_of(socket, action, where.names(role)) == expected
    if expected != "ok":
        assert await run_in_thread(stored) == before


@pytest.mark.parametrize("role", ROLES[1:])
@pytest.mark.parametrize("action", SOCKET)
async def test_in_the_own_room(action: str, role: str) -> None:
    home, _foreign = await run_in_thread(places)
    outcome = CELLS[action, role]
    await check_socket(home.people[role], action, home, role, outcome)
    if outcome == "ok" and action in LASTING:
        forget("home")


@pytest.mark.parametrize("role", VISITORS[1:])
@pytest.mark.parametrize("action", SOCKET)
async def test_in_a_room_of_others(action: str, role: str) -> None:
    home, foreign = await run_in_thread(places)
    await check_socket(home.people[role], action, foreign, role, CELLS[action, "outsider"])


async def test_it_is_closed_to_who_is_not_signed_in() -> None:
    assert {CELLS[action, "anonymous"] for action in SOCKET} == {"401"}
    communicator = communicator_of()
    await communicator.connect()
    assert await communicator.receive_output(5) == {"type": "websocket.close", "code": 4401}
    await communicator.wait()


async def test_a_message_of_another_room_cannot_be_quoted() -> None:
    home, foreign = await run_in_thread(places)
    before = await run_in_thread(stored)
    kind, fields = SOCKET["reply"]
    async with socket_of(home.people["owner"]) as socket:
        answers = [
            await socket.ask(kind, **filled(fields, home.names("owner") | {"others": quoted}))
            for quoted in (foreign.messages["peer"], "0" * 24)
        ]
    assert answers[0]["code"] == "bad_request"
    assert answers[0] == answers[1]
    assert await run_in_thread(stored) == before


async def test_foreign_and_absent_rooms_and_messages_give_the_same_frames() -> None:
    """Equal to the byte, except for the requested identity."""
    home, foreign = await run_in_thread(places)
    theirs = foreign.names("peer")
    absent = dict.fromkeys(theirs, "0" * 24)
    async with socket_of(home.people["owner"]) as socket:
        for kind, fields in SOCKET.values():
            told = []
            for names in (theirs, absent):
                await socket.say(type=kind, id="x", **filled(fields, names))
                answer = str(await socket.hear())
                told.append(answer.replace(names["room"], "R"))
            assert told[0] == told[1], kind


# --- while the socket is open -----------------------------------------------------------------


def _change(**changes: object) -> Callable[[Place, str], None]:
    def change(where: Place, role: str) -> None:
        services.change_member(
            user=where.people["owner"],
            room_identity=where.room.pk,
            peer_identity=where.people[role].pk,
            **changes,  # type: ignore[arg-type]
        )

    return change


def _kick(where: Place, role: str) -> None:
    services.remove_member(
        user=where.people["owner"],
        room_identity=where.room.pk,
        peer_identity=where.people[role].pk,
    )


def _leave(where: Place, role: str) -> None:
    services.leave(user=where.people[role], room_identity=where.room.pk)


def _delete(where: Place, role: str) -> None:
    services.delete_room(inbox=inbox, user=where.people["owner"], room_identity=where.room.pk)


def _add(where: Place, role: str) -> None:
    services.add_member(
        inbox=inbox,
        user=where.people["owner"],
        room_identity=where.room.pk,
        peer_identity=where.people[role].pk,
    )


def _hand_over(where: Place, role: str) -> None:
    hand_over(where.people["owner"], where.room, where.people["peer"])


CHANGES = {
    "is muted": ("member", "muted", _change(muted_until=now_ms() + 10**7)),
    "may speak again": ("muted", "member", _change(muted_until=0)),
    "is kicked": ("member", "kicked", _kick),
    "is kicked, as an admin": ("admin", "kicked", _kick),
    "leaves": ("member", "left", _leave),
    "is promoted": ("member", "admin", _change(role=Role.ADMIN)),
    "is demoted": ("admin", "member", _change(role=Role.MEMBER)),
    "has handed over": ("owner", "admin", _hand_over),
    "is added": ("outsider", "member", _add),
    "has no room any more": ("admin", "outsider", _delete),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_is_in_force_on_open_sockets(change: str) -> None:
    """Every action, before the change with the old outcome and after it with the new one."""
    before, after, carry_out = CHANGES[change]
    where = known_places["here"] = await run_in_thread(make_place)
    names = where.names(before)
    async with socket_of(where.people[before]) as socket:
        assert await outcome_of(socket, "send", names) == CELLS["send", before]
        await run_in_thread(carry_out, where, before)
        last = sorted(SOCKET, key=lambda action: action.startswith("recall"))
        for action in last:
            if action == "typing":
                continue  # it is not acknowledged: see below
            if before == "outsider" and action.endswith("own"):
                continue  # a newcomer has written nothing
            assert await outcome_of(socket, action, names) == CELLS[action, after], action
        if change != "has no room any more":
            await check_typing(socket, where.people[before], where, CELLS["typing", after])
    forget("here")
