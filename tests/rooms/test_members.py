"""Finding, joining and leaving groups; roles, mutes and kicks; changing and deleting rooms."""

from typing import Any
from urllib.parse import quote

import pytest

from accounts.models import User
from chat import inbox
from imsystem.clock import now_ms
from imsystem.ids import new_identity
from rooms import services
from rooms.models import Member, Room
from tests.api import NOT_FOUND, Api, bad_request, forbidden, invalid, refused
from tests.conftest import Cast, hand_over, new_user
from tests.rooms.bodies import card, member_body, room_body

MANAGERS_ONLY = forbidden("Only the owner and admins can do this.")
NOT_TO_EACH_OTHER = forbidden("Only the owner and admins can do this, and not to each other.")
OWNER_ONLY = forbidden("Only the owner can do this.")
GROUPS_ONLY = refused("This is only possible in groups.")
HAND_OVER = forbidden("Transfer ownership to another member first, or delete the group.")
AN_HOUR = 3_600_000


def path(cast: Cast, *parts: str) -> str:
    return "/".join(["rooms", cast.room.pk, *parts]) + "/"


def stored(room: Room) -> list[dict[str, Any]]:
    """Returns everything that a refused change must not touch."""
    rooms = Room.objects.filter(pk=room.pk).values()
    return [*rooms, *Member.objects.filter(room=room).order_by("pk").values()]


def role_of(cast: Cast, user: User) -> str:
    return Member.objects.get(room=cast.room, user=user).role


@pytest.fixture
def direct(cast: Cast) -> Room:
    """A conversation of the owner and the member."""
    return services.open_direct(inbox=inbox, user=cast.owner, peer_identity=cast.member.pk)[0]


# --- finding and joining --------------------------------------------------------------------


def test_a_number_finds_its_group(cast: Cast) -> None:
    answer = Api(cast.outsider).get(f"rooms/lookup/?number={cast.room.number}")
    assert (answer.status_code, answer.json()) == (200, card(cast.room, 4))


@pytest.mark.parametrize(
    "number", ["1", "12345", "1234567890", "1" * 32, "1.234.567", "12e456", ".*", "%00"]
)
def test_what_is_no_number_finds_nothing(cast: Cast, number: str) -> None:
    answer = Api(cast.outsider).get(f"rooms/lookup/?number={number}")
    if number == "%00":
        assert answer.json() == invalid(number=["Null characters are not allowed."])
    else:
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize("door", ["lookup", "join"])
def test_a_number_is_read_as_people_type_it(cast: Cast, door: str) -> None:
    number = cast.room.number
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in number)
    for typed in (wide, f" {number[:4]} {number[4:]}\u200b", f"{number[:4]}-{number[4:]}"):
        api = Api(cast.outsider)
        if door == "lookup":
            answer = api.get(f"rooms/lookup/?number={quote(typed)}")
        else:
            answer = api.post("rooms/join/", {"number": typed})
        assert (answer.status_code, answer.json()["number"]) == (200, number), typed


def test_the_number_of_a_direct_room_finds_nothing(cast: Cast, direct: Room) -> None:
    for user in (cast.outsider, cast.owner):
        assert Api(user).get(f"rooms/lookup/?number={direct.number}").json() == NOT_FOUND


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", invalid(number=["This field is required."])),
        ("number=", invalid(number=["This field may not be blank."])),
        ("number=123456&number=1", invalid(number=["Use this parameter only once."])),
        (
            f"number={'1' * 33}",
            invalid(number=["Ensure this field has no more than 32 characters."]),
        ),
    ],
)
def test_a_bad_query_for_a_number(cast: Cast, query: str, error: Any) -> None:
    answer = Api(cast.outsider).get(f"rooms/lookup/?{query}")
    assert (answer.status_code, answer.json()) == (400, error)


def join(user: User, number: str) -> Any:
    return Api(user).post("rooms/join/", {"number": number})


def test_joining_makes_a_member_once(cast: Cast) -> None:
    answers = [join(cast.outsider, cast.room.number) for _ in range(2)]
    expected = room_body(cast.room, "member")
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, expected)] * 2
    assert Member.objects.filter(room=cast.room, user=cast.outsider).count() == 1


def test_nobody_joins_a_conversation_of_two(cast: Cast, direct: Room) -> None:
    for number in (direct.number, "99999999", "../x", direct.pk):
        for user in (cast.outsider, cast.owner):
            answer = join(user, number)
            assert (answer.status_code, answer.json()) == (404, NOT_FOUND), number


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, invalid(number=["This field is required."])),
        ({"number": 12345678}, invalid(number=["Not a valid string."])),
        ({"number": {"$ne": None}}, invalid(number=["Not a valid string."])),
        (
            {"number": "1" * 33},
            invalid(number=["Ensure this field has no more than 32 characters."]),
        ),
    ],
)
def test_a_bad_number_to_join_by(cast: Cast, body: Any, error: Any) -> None:
    answer = Api(cast.outsider).post("rooms/join/", body)
    assert (answer.status_code, answer.json()) == (400, error)


def test_an_identity_alone_opens_nothing(cast: Cast, direct: Room) -> None:
    """To strangers a room looks, to the byte, like one that does not exist; members get the
    room."""
    answers = [
        Api(cast.outsider).post(f"rooms/{room}/join/")
        for room in (cast.room.pk, direct.pk, new_identity(), "A" * 24)
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, answers[0].content)
    }
    assert not Member.objects.filter(user=cast.outsider).exists()
    inside = Api(cast.member).post(path(cast, "join"))
    assert (inside.status_code, inside.json()) == (200, room_body(cast.room, "member"))


def test_leaving_and_joining_again(cast: Cast) -> None:
    api = Api(cast.member)
    assert api.post(path(cast, "leave")).status_code == 204
    assert api.get(path(cast)).json() == NOT_FOUND
    assert api.post(path(cast, "leave")).json() == NOT_FOUND
    again = api.post("rooms/join/", {"number": cast.room.number})
    assert again.json() == room_body(cast.room, "member")


def test_an_admin_who_joins_again_is_a_plain_member(cast: Cast) -> None:
    services.leave(user=cast.admin, room_identity=cast.room.pk)
    services.join(inbox=inbox, user=cast.admin, number=cast.room.number)
    assert role_of(cast, cast.admin) == "member"


def test_the_owner_hands_over_before_leaving(cast: Cast) -> None:
    api = Api(cast.owner)
    answer = api.post(path(cast, "leave"))
    assert (answer.status_code, answer.json()) == (403, HAND_OVER)
    assert api.delete(path(cast, "members", cast.owner.pk)).json() == HAND_OVER
    hand_over(cast.owner, cast.room, cast.member)
    assert (role_of(cast, cast.owner), role_of(cast, cast.member)) == ("admin", "owner")
    assert api.post(path(cast, "leave")).status_code == 204


# --- adding and removing --------------------------------------------------------------------


def test_adding_somebody_twice_changes_nothing(cast: Cast) -> None:
    api = Api(cast.admin)
    body = {"user_identity": cast.outsider.pk}
    answers = [api.post(path(cast, "members"), body) for _ in range(2)]
    expected = member_body(cast.room, cast.outsider)
    assert [(answer.status_code, answer.json()) for answer in answers] == [(201, expected)] * 2


def test_a_member_adds_nobody(cast: Cast) -> None:
    before = stored(cast.room)
    answer = Api(cast.member).post(path(cast, "members"), {"user_identity": cast.outsider.pk})
    assert (answer.status_code, answer.json()) == (403, MANAGERS_ONLY)
    assert stored(cast.room) == before


def test_an_unknown_or_deactivated_person_is_not_added(cast: Cast) -> None:
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)
    for identity in (new_identity(), cast.outsider.pk):
        answer = Api(cast.owner).post(path(cast, "members"), {"user_identity": identity})
        assert answer.status_code == 400
        assert answer.json() == bad_request(user_identity=["User not found."])


@pytest.mark.parametrize(
    ("actor", "target"),
    [
        ("member", "muted"),
        ("member", "admin"),
        ("muted", "member"),
        ("admin", "owner"),
        ("admin", "other_admin"),
    ],
)
def test_nobody_kicks_or_mutes_their_equals_or_betters(cast: Cast, actor: str, target: str) -> None:
    other = new_user("other_admin")
    services.add_member(
        inbox=inbox,
        user=cast.owner,
        room_identity=cast.room.pk,
        peer_identity=other.pk,
    )
    services.change_member(
        user=cast.owner, room_identity=cast.room.pk, peer_identity=other.pk, role="admin"
    )
    victim = other if target == "other_admin" else getattr(cast, target)
    before = stored(cast.room)
    api, where = Api(getattr(cast, actor)), path(cast, "members", victim.pk)
    for answer in (api.delete(where), api.patch(where, {"muted_until": now_ms() + AN_HOUR})):
        assert (answer.status_code, answer.json()) == (403, NOT_TO_EACH_OTHER)
    assert stored(cast.room) == before


@pytest.mark.parametrize(("actor", "target"), [("admin", "member"), ("owner", "admin")])
def test_a_kicked_member_is_out(cast: Cast, actor: str, target: str) -> None:
    victim = getattr(cast, target)
    gone = Api(victim)
    assert gone.get(path(cast)).status_code == 200
    answer = Api(getattr(cast, actor)).delete(path(cast, "members", victim.pk))
    assert answer.status_code == 204
    assert gone.get(path(cast)).json() == NOT_FOUND
    again = Api(cast.owner).delete(path(cast, "members", victim.pk))
    assert (again.status_code, again.json()) == (404, NOT_FOUND)


def test_removing_oneself_is_leaving(cast: Cast) -> None:
    assert Api(cast.member).delete(path(cast, "members", cast.member.pk)).status_code == 204
    assert not Member.objects.filter(room=cast.room, user=cast.member).exists()


@pytest.mark.parametrize("peer", ["0" * 24, "../x", "$ne"])
def test_members_who_are_none_are_not_found(cast: Cast, peer: str) -> None:
    api, where = Api(cast.owner), path(cast, "members", peer)
    for answer in (api.delete(where), api.patch(where, {"role": "admin"})):
        assert answer.status_code == 404


# --- roles and mutes ------------------------------------------------------------------------


def test_a_mute_and_its_end(cast: Cast) -> None:
    until = now_ms() + AN_HOUR
    api, where = Api(cast.admin), path(cast, "members", cast.member.pk)
    muted = api.patch(where, {"muted_until": until})
    assert muted.json() == member_body(cast.room, cast.member, muted_until=until)
    assert api.patch(where, {"muted_until": 0}).json() == member_body(cast.room, cast.member)


def test_the_owner_makes_admins_and_plain_members(cast: Cast) -> None:
    api = Api(cast.owner)
    for user, role in ((cast.member, "admin"), (cast.admin, "member")):
        answer = api.patch(path(cast, "members", user.pk), {"role": role})
        assert (answer.status_code, answer.json()) == (200, member_body(cast.room, user, role))


@pytest.mark.parametrize("actor", ["admin", "member", "muted"])
@pytest.mark.parametrize("role", ["owner", "admin", "member"])
def test_only_the_owner_changes_roles(cast: Cast, actor: str, role: str) -> None:
    before = stored(cast.room)
    target = cast.muted if actor == "member" else cast.member
    answer = Api(getattr(cast, actor)).patch(path(cast, "members", target.pk), {"role": role})
    assert (answer.status_code, answer.json()) == (403, OWNER_ONLY)
    assert stored(cast.room) == before


def test_a_mute_and_a_role_are_changed_both_or_neither(cast: Cast) -> None:
    before = stored(cast.room)
    change = {"muted_until": now_ms() + AN_HOUR, "role": "admin"}
    answer = Api(cast.admin).patch(path(cast, "members", cast.member.pk), change)
    assert (answer.status_code, answer.json()) == (403, OWNER_ONLY)
    assert stored(cast.room) == before


def test_nobody_changes_themselves(cast: Cast) -> None:
    for user in (cast.owner, cast.admin, cast.muted):
        for change in ({"role": "owner"}, {"muted_until": 0}):
            answer = Api(user).patch(path(cast, "members", user.pk), change)
            assert answer.json() == refused("You can't change your own membership.")


@pytest.mark.parametrize("actor", ["owner", "member"])
def test_a_change_of_nothing_is_refused(cast: Cast, actor: str) -> None:
    before = stored(cast.room)
    api = Api(getattr(cast, actor))
    target = path(cast, "members", cast.muted.pk)
    assert api.patch(target, {}).json() == bad_request()
    assert api.patch(target, {"joined_seq": 7}).json() == bad_request()
    assert stored(cast.room) == before


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"role": "god"}, invalid(role=['"god" is not a valid choice.'])),
        ({"role": None}, invalid(role=["This field may not be null."])),
        ({"muted_until": "1"}, invalid(muted_until=["A valid integer is required."])),
        ({"muted_until": True}, invalid(muted_until=["A valid integer is required."])),
        ({"muted_until": 1.5}, invalid(muted_until=["A valid integer is required."])),
        (
            {"muted_until": -1},
            invalid(muted_until=["Ensure this value is greater than or equal to 0."]),
        ),
        (
            {"muted_until": 2**53},
            invalid(muted_until=[f"Ensure this value is less than or equal to {2**53 - 1}."]),
        ),
    ],
)
def test_bad_changes_of_a_member(cast: Cast, change: Any, error: Any) -> None:
    before = stored(cast.room)
    answer = Api(cast.owner).patch(path(cast, "members", cast.member.pk), change)
    assert (answer.status_code, answer.json()) == (400, error)
    assert stored(cast.room) == before


# --- the room itself ------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["owner", "admin"])
def test_name_and_description_change(cast: Cast, actor: str) -> None:
    change = {"name": "  Bar ", "info": "杯子"}
    answer = Api(getattr(cast, actor)).patch(path(cast), change)
    assert answer.status_code == 200
    assert answer.json() == room_body(cast.room, actor, name="Bar", info="杯子")


def test_one_of_them_changes_alone(cast: Cast) -> None:
    api = Api(cast.owner)
    assert api.patch(path(cast), {"info": "x"}).json()["name"] == "Kitchen"
    assert api.patch(path(cast), {"info": ""}).json() == room_body(cast.room, "owner", info="")


def test_a_member_does_not_rename(cast: Cast) -> None:
    before = stored(cast.room)
    answer = Api(cast.member).patch(path(cast), {"name": "Mine"})
    assert (answer.status_code, answer.json()) == (403, MANAGERS_ONLY)
    assert stored(cast.room) == before


@pytest.mark.parametrize("change", [{}, {"kind": "direct", "number": "1", "user_identity": "x"}])
def test_what_cannot_be_changed_is_no_change(cast: Cast, change: dict[str, Any]) -> None:
    before = stored(cast.room)
    assert Api(cast.owner).patch(path(cast), change).json() == bad_request()
    assert stored(cast.room) == before


def test_the_owner_deletes_and_the_room_is_gone_for_all(cast: Cast) -> None:
    assert Api(cast.owner).delete(path(cast)).status_code == 204
    for user in (cast.owner, cast.member, cast.outsider):
        assert Api(user).get(path(cast)).json() == NOT_FOUND
        assert Api(user).get("rooms/").json() == {"results": []}
        assert Api(user).post(path(cast, "join")).json() == NOT_FOUND
    assert not Member.objects.filter(room_id=cast.room.pk).exists()


@pytest.mark.parametrize("actor", ["admin", "member", "muted"])
def test_only_the_owner_deletes(cast: Cast, actor: str) -> None:
    before = stored(cast.room)
    answer = Api(getattr(cast, actor)).delete(path(cast))
    assert (answer.status_code, answer.json()) == (403, OWNER_ONLY)
    assert stored(cast.room) == before


@pytest.mark.parametrize(
    ("method", "parts", "body"),
    [
        ("PATCH", (), {"name": "x"}),
        ("POST", ("leave",), None),
        ("POST", ("members",), {"user_identity": "OUTSIDER"}),
        ("PATCH", ("members", "MEMBER"), {"role": "admin"}),
        ("DELETE", ("members", "MEMBER"), None),
        ("DELETE", ("members", "OWNER"), None),
    ],
)
def test_a_conversation_of_two_has_no_settings(
    cast: Cast, direct: Room, method: str, parts: tuple[str, ...], body: Any
) -> None:
    people = {"OUTSIDER": cast.outsider.pk, "MEMBER": cast.member.pk, "OWNER": cast.owner.pk}
    before = stored(direct)
    where = "/".join(["rooms", direct.pk, *(people.get(part, part) for part in parts)]) + "/"
    sent = {name: people.get(value, value) for name, value in body.items()} if body else None
    answer = Api(cast.owner).call(method, where, sent)
    assert (answer.status_code, answer.json()) == (400, GROUPS_ONLY)
    assert stored(direct) == before
