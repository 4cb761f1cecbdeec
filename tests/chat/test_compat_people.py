"""The original's routes for friends and history: every text, and what they refuse."""

from typing import Any

import pytest
import time_machine

from accounts.choices import Audience
from accounts.models import User
from chat import inbox
from chat.compat import views
from chat.models import Message
from chat.services import recall_message, send_message
from imsystem.ids import new_identity
from imsystem.loops import run_on_loop
from rooms.models import Member, Room
from rooms.services import create_group, open_direct
from tests.api import public
from tests.conftest import Cast, new_user
from tests.seed import HOSTILE, Form, Seed, loaded, no, ok

NOON = 1_893_499_200_000  # 2030-01-01 12:00 UTC
BAD = no("参数不正确")
UNKNOWN = no("数据查询异常")
NO_FRIENDS = no("不为好友关系，无需删除")
FOREIGN = no("非法访问")


@pytest.fixture
def alice() -> User:
    return new_user("alice")


@pytest.fixture
def bob() -> User:
    return new_user("bob")


# --- people ---------------------------------------------------------------------------------


def test_detail_is_the_user_without_the_password(alice: User) -> None:
    assert Seed(alice).get("/u/user/detail") == loaded(
        {
            "Identity": alice.pk,
            "Account": alice.account,
            "Nickname": "Alice",
            "Sex": 0,
            "Email": alice.email,
            "Avatar": public(alice)["avatar"],
            "CreatedAt": alice.created_at // 1000,
            "UpdatedAt": alice.updated_at // 1000,
        }
    )


def seen(user: User, *, friend_in: str = "", email: str = "") -> Form:
    return loaded(
        {
            "nickname": user.nickname,
            "Nickname": user.nickname,
            "Sex": 0,
            "Email": email,
            "Avatar": public(user)["avatar"],
            "is_friend": bool(friend_in),
            "identity": user.pk,
            "room_identity": friend_in,
        }
    )


def test_query_shows_a_person_without_address(alice: User, bob: User) -> None:
    seed = Seed(alice)
    assert seed.get("/u/user/query", account=bob.account) == seen(bob)
    assert seed.get("/u/user/query", account=bob.account.upper()) == seen(bob)
    assert seed.get("/u/user/query", account=alice.account) == seen(alice, email=alice.email)


def test_query_tells_friends_apart_from_people_of_one_group(alice: User, bob: User) -> None:
    create_group(creator=alice, name="Kitchen", members=[bob.pk])
    assert Seed(alice).get("/u/user/query", account=bob.account) == seen(bob)
    room, _created = open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    for user, other in ((alice, bob), (bob, alice)):
        answer = Seed(user).get("/u/user/query", account=other.account)
        assert answer == seen(other, friend_in=room.pk)


def test_a_half_made_conversation_is_no_friendship(alice: User, bob: User) -> None:
    open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    Member.objects.filter(user=bob).delete()
    assert Seed(alice).get("/u/user/query", account=bob.account) == seen(bob)
    assert Seed(alice).post("/u/user/add", account=bob.account) == ok("添加成功")


@pytest.mark.parametrize("path", ["/u/user/query", "/u/user/add"])
def test_people_who_are_not_there(alice: User, bob: User, path: str) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    seed = Seed(alice)
    call = seed.get if path == "/u/user/query" else seed.post
    assert call(path) == BAD
    assert call(path, account="") == BAD
    assert call(path, **{"account[$ne]": "x"}) == BAD
    for nobody in (*HOSTILE, "nobody", bob.account, alice.email):
        assert call(path, account=nobody) == UNKNOWN
    assert not Room.objects.exists()


def test_add_opens_the_conversation_of_both(alice: User, bob: User) -> None:
    assert Seed(alice).post("/u/user/add", account=bob.account) == ok("添加成功")
    room = Room.objects.get()
    assert set(Member.objects.values_list("user_id", flat=True)) == {alice.pk, bob.pk}
    again = no("互为好友，不可重复添加")
    assert Seed(alice).post("/u/user/add", account=bob.account) == again
    assert Seed(bob).post("/u/user/add", account=alice.account) == again
    assert Room.objects.get() == room


def test_nobody_adds_themselves(alice: User) -> None:
    assert Seed(alice).post("/u/user/add", account=alice.account) == no("互为好友，不可重复添加")
    assert not Room.objects.exists()


def test_who_does_not_want_to_be_added_is_not(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(who_may_add=Audience.NOBODY)
    assert Seed(alice).post("/u/user/add", account=bob.account) == no("对方不允许被添加")


def test_delete_ends_the_friendship_and_leaves_the_other_side(alice: User, bob: User) -> None:
    room = open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
    say(bob, room, "a threat")
    assert Seed(bob).delete("/u/user/delete", identity=alice.pk) == ok("删除成功")
    assert Seed(bob).delete("/u/user/delete", identity=alice.pk) == NO_FRIENDS
    for user, other in ((alice, bob), (bob, alice)):
        assert Seed(user).get("/u/user/query", account=other.account) == seen(other)
    assert texts(Seed(alice).get("/u/chat/list", room_identity=room.pk)) == ["a threat"]
    assert texts(Seed(bob).get("/u/chat/list", room_identity=room.pk)) == []
    assert Seed(alice).delete("/u/user/delete", identity=bob.pk) == ok("删除成功")


def test_delete_of_who_is_no_friend(alice: User, bob: User) -> None:
    group = create_group(creator=alice, name="Kitchen", members=[bob.pk])
    other = open_direct(inbox=inbox, user=bob, peer_identity=new_user("carol").pk)[0]
    seed = Seed(alice)
    assert seed.delete("/u/user/delete") == BAD
    assert seed.delete("/u/user/delete", identity="") == BAD
    assert seed.delete("/u/user/delete", **{"identity[$ne]": "x"}) == BAD
    for nobody in (*HOSTILE, alice.pk, bob.pk, group.pk, other.pk, new_identity()):
        assert seed.delete("/u/user/delete", identity=nobody) == NO_FRIENDS
    assert Member.objects.count() == 4


def test_adding_again_brings_the_room_back_without_what_one_deleted(alice: User, bob: User) -> None:
    room = open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
    say(alice, room, "before")
    Seed(alice).delete("/u/user/delete", identity=bob.pk)
    assert Seed(bob).post("/u/user/add", account=alice.account) == ok("添加成功")
    friend = Seed(alice).get("/u/user/query", account=bob.account)
    assert friend["data"]["is_friend"] is True
    assert texts(Seed(alice).get("/u/chat/list", room_identity=room.pk)) == []
    assert texts(Seed(bob).get("/u/chat/list", room_identity=room.pk)) == ["before"]


# --- history --------------------------------------------------------------------------------


def say(user: User, room: Room, text: str) -> str:
    sent = send_message(
        user_identity=user.pk, room_identity=room.pk, client_id=new_identity(), data=text
    )
    return run_on_loop(sent).message["identity"]


def fill(cast: Cast, count: int) -> None:
    """Stores messages m1 to m<count> by the owner."""

    for number in range(1, count + 1):
        say(cast.owner, cast.room, f"m{number}")


def texts(answer: Form) -> list[str]:
    assert answer["code"] == 200, answer
    return [line["Data"] for line in answer["data"]["list"]]


def test_a_line_of_history(cast: Cast) -> None:
    with time_machine.travel((NOON + 900) / 1000, tick=False):
        say(cast.owner, cast.room, "你好")
        answer = Seed(cast.member).get("/u/chat/list", room_identity=cast.room.pk)
    line = {
        "UserIdentity": cast.owner.pk,
        "RoomIdentity": cast.room.pk,
        "Data": "你好",
        "CreatedAt": NOON // 1000,
        "UpdatedAt": NOON // 1000,
    }
    assert answer == loaded({"list": [line]})


def test_pages_go_back_from_the_newest(cast: Cast) -> None:
    fill(cast, 25)
    seed, room = Seed(cast.member), cast.room.pk
    newest_first = [f"m{n}" for n in range(25, 0, -1)]

    def page(**query: Any) -> list[str]:
        return texts(seed.get("/u/chat/list", room_identity=room, **query))

    assert page() == newest_first[:20]
    assert page(page_index="", page_size="") == newest_first[:20]
    assert page(page_index=2) == newest_first[20:]
    assert page(page_index=1, page_size=10) == newest_first[:10]
    assert page(page_index=3, page_size=10) == newest_first[20:]
    assert page(page_index=4, page_size=10) == []
    assert page(page_index=10**15, page_size=100) == []
    assert page(page_size=100) == newest_first
    assert page(page_size=1, page_index=25) == ["m1"]


def test_a_recalled_message_keeps_its_place_without_its_text(cast: Cast) -> None:
    say(cast.owner, cast.room, "first")
    identity = say(cast.owner, cast.room, "second")
    run_on_loop(recall_message(user_identity=cast.owner.pk, message_identity=identity))
    answer = Seed(cast.member).get("/u/chat/list", room_identity=cast.room.pk)
    assert texts(answer) == ["", "first"]


def test_sealed_holes_are_not_shown(cast: Cast) -> None:
    fill(cast, 3)
    Message.objects.filter(seq=2).update(kind="void")
    answer = Seed(cast.member).get("/u/chat/list", room_identity=cast.room.pk)
    assert texts(answer) == ["m3", "m1"]


@pytest.mark.parametrize("name", ["page_index", "page_size"])
@pytest.mark.parametrize(
    "value", ["0", "-1", "1.5", "1e3", "abc", " 1", "１", "9" * 17, "\x00", "$gt", "x" * 10_000]
)
def test_bad_numbers_are_bad_parameters(cast: Cast, name: str, value: str) -> None:
    answer = Seed(cast.member).get("/u/chat/list", room_identity=cast.room.pk, **{name: value})
    assert answer == BAD


def test_a_page_has_at_most_a_hundred(cast: Cast) -> None:
    seed, room = Seed(cast.member), cast.room.pk
    assert seed.get("/u/chat/list", room_identity=room, page_size=100)["code"] == 200
    assert seed.get("/u/chat/list", room_identity=room, page_size=101) == BAD


def test_foreign_absent_and_malformed_rooms_are_the_same(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cast, 1)
    monkeypatch.setattr(views, "room_head", None)  # nothing of a room is read for outsiders
    seed = Seed(cast.outsider)
    for room in (cast.room.pk, new_identity(), cast.room.pk.upper(), *HOSTILE):
        assert seed.get("/u/chat/list", room_identity=room) == FOREIGN
    for query in ({}, {"room_identity": ""}, {"room_identity[$ne]": "x"}):
        assert seed.get("/u/chat/list", **query) == no("房间号不能为空")
