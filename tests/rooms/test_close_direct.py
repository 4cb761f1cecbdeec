"""Closing a direct conversation and opening it again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from accounts.models import User
from chat import inbox
from chat.catch_up import changes_since
from chat.inbox import room_detail
from chat.services import edit_message, send_message
from imsystem.errors import Forbidden, NotFound
from imsystem.ids import new_identity
from imsystem.loops import run_on_loop
from imsystem.mongo.clients import collection
from imsystem.threads import run_in_thread
from rooms import services
from rooms.models import Departure, Member, Room
from rooms.selectors import contacts_among
from tests.api import NOT_FOUND, Api
from tests.conftest import new_user
from tests.pages.conftest import browser, text
from tests.seed import Seed
from tests.sockets import socket_of

Close = Callable[[User, User, Room], None]


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
    room = services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
    group = services.create_group(creator=alice, name="x", members=[bob.pk])
    stranger = new_user("carol")
    for peer in (alice.pk, bob.pk, room.pk, group.pk, stranger.pk, "", "../x", "a" * 24):
        with pytest.raises(NotFound):
            services.close_direct(inbox=inbox, user=stranger, peer_identity=peer)
    assert Member.objects.filter(room=room).count() == 2
    assert not Departure.objects.exists()


def by_service(user: User, peer: User, room: Room) -> None:
    services.close_direct(inbox=inbox, user=user, peer_identity=peer.pk)


def by_rest(user: User, _peer: User, room: Room) -> None:
    assert Api(user).delete(f"rooms/{room.pk}/").status_code == 204


def by_page(user: User, _peer: User, room: Room) -> None:
    settings, page = f"/rooms/{room.pk}/settings/", browser(user)
    assert "deleted for you only; Bob keeps it" in text(page.get(f"{settings}?confirm=delete"))
    done = page.post(settings, {"action": "delete"}, follow=True)
    assert "The conversation has been deleted for you." in text(done)


def by_the_original(user: User, peer: User, room: Room) -> None:
    assert Seed(user).delete("/u/user/delete", identity=peer.pk)["code"] == 200


DOORS = [by_service, by_rest, by_page, by_the_original]


def said(user: User, room: Room) -> list[str]:
    page = Api(user).get(f"rooms/{room.pk}/messages/").json()
    return [message["data"] for message in page["messages"]]


@pytest.mark.parametrize("close", DOORS)
def test_ones_own_side_goes_and_the_other_stays(pair: tuple[User, User], close: Close) -> None:
    """With all that was said: nobody takes a threat away from the one it was made to."""
    alice, bob = pair
    room = open_and_talk(pair)
    close(alice, bob, room)
    hers, his = Api(alice), Api(bob)
    assert hers.get("rooms/").json() == {"results": []}
    assert hers.get(f"rooms/{room.pk}/").json() == NOT_FOUND
    assert hers.delete(f"rooms/{room.pk}/").json() == NOT_FOUND
    assert browser(alice).get(f"/chat/{room.pk}/").status_code == 404
    assert (said(alice, room), said(bob, room)) == ([], ["one", "two"])
    [line] = his.get("rooms/").json()["results"]
    assert (line["name"], line["peer"]["identity"]) == ("Alice", alice.pk)
    close_other = Seed(bob).delete("/u/user/delete", identity=alice.pk)
    assert (close_other["code"], said(bob, room)) == (200, [])
    assert (Room.objects.get(), Member.objects.count()) == (room, 2)
    assert not Departure.objects.exists()


def test_it_comes_back_when_the_other_writes(pair: tuple[User, User]) -> None:
    """With what is new only, and that is unread."""
    alice, bob = pair
    room = open_and_talk(pair)
    services.close_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    run_on_loop(say(bob, room, "three"))
    [line] = Api(alice).get("rooms/").json()["results"]
    assert (line["identity"], line["unread"], line["last_message"]["seq"]) == (room.pk, 1, 3)
    assert said(alice, room) == ["three"]
    services.close_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    assert (said(alice, room), Api(alice).get("rooms/").json()) == ([], {"results": []})
    assert said(bob, room) == ["one", "two", "three"]


def test_neither_reads_changes_nor_syncs_what_they_deleted(pair: tuple[User, User]) -> None:
    alice, bob = pair
    room = open_and_talk(pair)
    [first, _second] = Api(alice).get(f"rooms/{room.pk}/messages/").json()["messages"]
    services.close_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    edit = Api(alice).patch(f"messages/{first['identity']}/", {"data": "x"})
    assert (edit.status_code, edit.json()) == (404, NOT_FOUND)
    found, unknown = run_on_loop(changes_since(user_identity=alice.pk, known={room.pk: (0, 0)}))
    assert (found[room.pk]["messages"], unknown) == ([], [])


def test_whoever_deletes_it_says_nothing_of_how_far_they_read(pair: tuple[User, User]) -> None:
    alice, bob = pair
    room = open_and_talk(pair)
    services.close_direct(inbox=inbox, user=bob, peer_identity=alice.pk)
    assert Member.objects.get(room=room, user=bob).read_seq == 0


@pytest.mark.parametrize("opened_by", ["alice", "bob"])
def test_whoever_opened_it_the_other_one_is_shown(pair: tuple[User, User], opened_by: str) -> None:
    alice, bob = pair
    first, second = pair if opened_by == "alice" else pair[::-1]
    room = services.open_direct(inbox=inbox, user=first, peer_identity=second.pk)[0]
    for gone, left in ((alice, bob), (bob, alice)):
        services.close_direct(inbox=inbox, user=gone, peer_identity=left.pk)
        shown = room_detail(left, room.pk)
        assert (shown["name"], shown["peer"]["identity"]) == (gone.nickname, gone.pk)
        services.open_direct(inbox=inbox, user=gone, peer_identity=left.pk)


def test_who_is_left_sees_online_only_what_strangers_see(pair: tuple[User, User]) -> None:
    alice, bob = pair
    User.objects.filter(pk=alice.pk).update(who_sees_online="contacts")
    room = services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
    assert room_detail(bob, room.pk)["online"] is False
    services.close_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    assert room_detail(bob, room.pk)["online"] is None


def test_who_deleted_it_is_asked_before_it_opens_again(pair: tuple[User, User]) -> None:
    alice, bob = pair
    room = services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
    services.close_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    User.objects.filter(pk=alice.pk).update(who_may_add="contacts")
    with pytest.raises(Forbidden):
        services.open_direct(inbox=inbox, user=bob, peer_identity=alice.pk)
    assert Member.objects.get(room=room, user=alice).hidden
    services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    assert services.open_direct(inbox=inbox, user=bob, peer_identity=alice.pk) == (room, False)


def test_writing_again_makes_nobody_a_contact(pair: tuple[User, User]) -> None:
    """The conversation is shown again; what contacts may do is not regained by that."""
    alice, bob = pair
    User.objects.filter(pk=alice.pk).update(who_may_add="contacts")
    room = services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
    services.close_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    run_on_loop(say(bob, room, "one"))
    assert contacts_among(bob.pk, [alice.pk]) == set()
    with pytest.raises(Forbidden):
        services.create_group(creator=bob, name="x", members=[alice.pk])


def test_both_delete_it_at_once(pair: tuple[User, User]) -> None:
    alice, bob = pair
    for _repeat in range(20):
        room = services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
        services.open_direct(inbox=inbox, user=bob, peer_identity=alice.pk)
        together = Barrier(2)

        def close(user: User, peer: User, together: Barrier = together) -> None:
            together.wait()
            services.close_direct(inbox=inbox, user=user, peer_identity=peer.pk)

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(close, pair, pair[::-1]))
        assert set(Member.objects.filter(room=room).values_list("hidden", flat=True)) == {True}


def test_opened_again_it_is_empty_and_what_follows_is_unread(pair: tuple[User, User]) -> None:
    alice, bob = pair
    room = services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
    for words in ("one", "two", "three"):
        run_on_loop(say(alice, room, words))
    services.close_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    assert services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk) == (room, False)
    assert (unread(alice, room), unread(bob, room), said(alice, room)) == (0, 3, [])
    run_on_loop(say(bob, room, "four"))
    assert (unread(alice, room), said(alice, room)) == (1, ["four"])


def test_who_was_left_out_half_way_has_unread_what_was_said_meanwhile(
    pair: tuple[User, User],
) -> None:
    """The process that opened the room may have died before both were members."""
    alice, bob = pair
    room = services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
    Member.objects.filter(user=bob).delete()
    run_on_loop(say(alice, room, "Are you there?"))
    services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    assert unread(bob, room) == 1


def open_and_talk(pair: tuple[User, User]) -> Room:
    alice, bob = pair
    room = services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
    for words in ("one", "two"):
        run_on_loop(say(alice, room, words))
    return room


async def test_the_own_sockets_hear_of_the_end_and_of_what_follows(pair: tuple[User, User]) -> None:
    alice, bob = pair
    room = await run_in_thread(open_and_talk, pair)
    [first] = [
        row["_id"]
        async for row in collection("message_basic").find({"room_identity": room.pk, "seq": 1})
    ]
    async with socket_of(alice) as hers, socket_of(bob) as his:
        await run_in_thread(services.close_direct, inbox=inbox, user=bob, peer_identity=alice.pk)
        end = {"type": "room.removed", "room_identity": room.pk, "reason": "removed"}
        assert await his.hear() == end
        assert await hers.silent()
        await edit_message(user_identity=alice.pk, message_identity=first, data="changed")
        assert (await hers.hear())["type"] == "message.updated"
        assert await his.silent()
        await say(alice, room, "three")
        assert (await his.hear())["message"]["seq"] == 3  # type: ignore[index]
    async with socket_of(bob) as his:
        [line] = his.ready["rooms"]
        assert (line["identity"], line["unread"]) == (room.pk, 1)


async def test_a_new_socket_does_not_hear_of_a_deleted_room(pair: tuple[User, User]) -> None:
    alice, bob = pair
    room = await run_in_thread(open_and_talk, pair)
    await run_in_thread(services.close_direct, inbox=inbox, user=bob, peer_identity=alice.pk)
    async with socket_of(bob) as his:
        assert his.ready["rooms"] == []
        await run_in_thread(services.open_direct, inbox=inbox, user=bob, peer_identity=alice.pk)
        added = (await his.hear_until("room.added"))["room"]
        assert (added["identity"], added["unread"], added["last_message"]) == (room.pk, 0, None)
