"""Closing a direct conversation and opening it again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from accounts.models import User
from chat.services import send_message
from imsystem.errors import NotFound
from imsystem.ids import new_identity
from imsystem.loops import run_on_loop
from imsystem.threads import run_in_thread
from rooms import services
from rooms.models import Departure, Member, Room
from rooms.selectors import room_detail
from tests.conftest import new_user
from tests.sockets import socket_of


async def say(user: User, room: Room, text: str) -> None:
    await send_message(
        user_identity=user.pk, room_identity=room.pk, client_id=new_identity(), data=text
    )


def unread(user: User, room: Room) -> int:
    return room_detail(user, room.pk)["unread"]


@pytest.fixture
def pair() -> tuple[User, User]:
    return new_user("alice"), new_user("bob")


def test_a_stranger_closes_nothing(pair: tuple[User, User]) -> None:
    alice, bob = pair
    room = services.open_direct(user=alice, peer_identity=bob.pk)[0]
    group = services.create_group(creator=alice, name="x", members=[bob.pk])
    stranger = new_user("carol")
    for peer in (alice.pk, bob.pk, room.pk, group.pk, stranger.pk, "", "../x", "a" * 24):
        with pytest.raises(NotFound):
            services.close_direct(user=stranger, peer_identity=peer)
    assert Member.objects.filter(room=room).count() == 2
    assert not Departure.objects.exists()


def test_both_are_out_and_everything_stays_stored(pair: tuple[User, User]) -> None:
    alice, bob = pair
    room = services.open_direct(user=alice, peer_identity=bob.pk)[0]
    services.close_direct(user=bob, peer_identity=alice.pk)
    assert not Member.objects.exists()
    assert Room.objects.get() == room
    for user, peer in (pair, pair[::-1]):
        with pytest.raises(NotFound):
            services.close_direct(user=user, peer_identity=peer.pk)


def test_one_of_two_closers_wins(pair: tuple[User, User]) -> None:
    alice, bob = pair
    for _repeat in range(20):
        services.open_direct(user=alice, peer_identity=bob.pk)
        together = Barrier(2)

        def close(user: User, peer: User, together: Barrier = together) -> bool:
            together.wait()
            try:
                services.close_direct(user=user, peer_identity=peer.pk)
            except NotFound:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            assert any(threads.map(close, pair, pair[::-1]))
        assert not Member.objects.exists()


def test_reopened_it_is_read_and_what_follows_is_not(pair: tuple[User, User]) -> None:
    alice, bob = pair
    room = services.open_direct(user=alice, peer_identity=bob.pk)[0]
    for text in ("one", "two", "three"):
        run_on_loop(say(alice, room, text))
    services.close_direct(user=alice, peer_identity=bob.pk)
    assert services.open_direct(user=bob, peer_identity=alice.pk) == (room, False)
    assert (unread(alice, room), unread(bob, room)) == (0, 0)
    run_on_loop(say(alice, room, "four"))
    assert unread(bob, room) == 1


def test_who_was_left_out_half_way_has_unread_what_was_said_meanwhile(
    pair: tuple[User, User],
) -> None:
    """The process that opened the room may have died before both were members."""
    alice, bob = pair
    room = services.open_direct(user=alice, peer_identity=bob.pk)[0]
    Member.objects.filter(user=bob).delete()
    run_on_loop(say(alice, room, "Are you there?"))
    services.open_direct(user=alice, peer_identity=bob.pk)
    assert unread(bob, room) == 1


def open_and_talk(pair: tuple[User, User]) -> Room:
    alice, bob = pair
    room = services.open_direct(user=alice, peer_identity=bob.pk)[0]
    for text in ("one", "two"):
        run_on_loop(say(alice, room, text))
    return room


async def test_both_sockets_hear_of_the_end_and_of_the_new_beginning(
    pair: tuple[User, User],
) -> None:
    alice, bob = pair
    room = await run_in_thread(open_and_talk, pair)
    async with socket_of(alice) as hers, socket_of(bob) as his:
        await run_in_thread(services.close_direct, user=alice, peer_identity=bob.pk)
        end = {"type": "room.removed", "room_identity": room.pk, "reason": "removed"}
        assert (await hers.hear(), await his.hear()) == (end, end)
        refused = await hers.ask(
            "message.send", room_identity=room.pk, client_id="late", data="Hello?"
        )
        assert refused["code"] == "not_found"

        await run_in_thread(services.open_direct, user=bob, peer_identity=alice.pk)
        for socket in (hers, his):
            added = (await socket.hear_until("room.added"))["room"]
            assert (added["last_seq"], added["unread"]) == (2, 0)
            assert added["last_message"]["data"] == "two"
        await say(bob, room, "three")
        assert (await hers.hear())["message"]["seq"] == 3  # type: ignore[index]
