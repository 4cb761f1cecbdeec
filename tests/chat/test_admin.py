"""The five collections in Django admin: shown, searched literally, never changed, and inert."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.html import escape

from accounts.models import User
from chat.models import Edit, Message
from chat.services import edit_message, send_message
from imsystem.loops import run_on_loop
from rooms.models import Member, Room
from tests.conftest import Cast

PAGES = {
    User: "/admin/accounts/user/",
    Room: "/admin/rooms/room/",
    Member: "/admin/rooms/member/",
    Message: "/admin/chat/message/",
    Edit: "/admin/chat/edit/",
}
READ_ONLY = (Room, Member, Message, Edit)
HOSTILE = "<script>alert(1)</script>{{7*7}}\u202e"


@pytest.fixture
def message(cast: Cast) -> Message:
    sent = send_message(
        user_identity=cast.member.pk, room_identity=cast.room.pk, client_id="c1", data=HOSTILE
    )
    identity = run_on_loop(sent).message["identity"]
    for data in (f"{HOSTILE} again", HOSTILE):  # leaves two earlier texts
        changed = edit_message(user_identity=cast.member.pk, message_identity=identity, data=data)
        run_on_loop(changed)
    return Message.objects.get(pk=identity)


def browser(user: User, **rights: bool) -> Client:
    User.objects.filter(pk=user.pk).update(**rights)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk), backend="accounts.backends.AccountBackend")
    return client


@pytest.fixture
def root(cast: Cast) -> Client:
    return browser(cast.outsider, is_staff=True, is_superuser=True)


def one(model: type[Any], cast: Cast) -> Any:
    """Returns an instance of the model that the admin shows."""
    return {
        User: lambda: cast.member,
        Room: lambda: cast.room,
        Member: lambda: Member.objects.get(user=cast.member),
        Message: Message.objects.get,
        Edit: lambda: Edit.objects.get(revision=0),
    }[model]()


def found(client: Client, model: type[Any], **query: str) -> set[str]:
    response = client.get(PAGES[model], query)
    assert response.status_code == 200
    return {str(row.pk) for row in response.context["cl"].queryset}


@pytest.mark.parametrize("model", PAGES)
def test_list_and_detail_are_shown(
    root: Client, cast: Cast, message: Message, model: type[Any]
) -> None:
    shown = one(model, cast)
    listed = root.get(PAGES[model])
    assert listed.status_code == 200
    assert shown.pk in {row.pk for row in listed.context["cl"].queryset}
    detail = root.get(f"{PAGES[model]}{shown.pk}/change/")
    assert detail.status_code == 200
    assert detail.context["original"] == shown


@pytest.mark.parametrize("model", PAGES)
@pytest.mark.parametrize("term", [".*", "(a+)+$", "[", "\\", "$ne", "x" * 10_000])
def test_a_search_is_no_pattern(
    root: Client, cast: Cast, message: Message, model: type[Any], term: str
) -> None:
    assert found(root, model, q=term) == set()


def test_searches_that_find(root: Client, cast: Cast, message: Message) -> None:
    member = Member.objects.get(user=cast.member)
    assert found(root, User, q=cast.member.account) == {cast.member.pk}
    for term in (cast.room.number, cast.room.pk, "kitch"):
        assert found(root, Room, q=term) == {cast.room.pk}
    assert found(root, Member, q=cast.member.pk) == {member.pk}
    assert len(found(root, Member, q=cast.room.pk)) == 4
    for term in (message.pk, message.room_identity, message.user_identity):
        assert found(root, Message, q=term) == {message.pk}
    for term in (message.pk, message.room_identity, message.user_identity):
        assert len(found(root, Edit, q=term)) == 2


def test_messages_are_not_searched_by_their_text(root: Client, message: Message) -> None:
    assert found(root, Message, q="script") == set()
    assert found(root, Edit, q="script") == set()


@pytest.mark.parametrize(
    ("model", "filters", "count"),
    [
        (User, {"is_active__exact": "1"}, 5),
        (User, {"is_staff__exact": "1"}, 1),
        (Room, {"kind__exact": "group"}, 1),
        (Room, {"kind__exact": "direct"}, 0),
        (Member, {"role__exact": "admin"}, 1),
        (Message, {"kind": "text"}, 1),
        (Message, {"kind": "void"}, 0),
    ],
)
def test_filters(
    root: Client, message: Message, model: type[Any], filters: dict[str, str], count: int
) -> None:
    assert len(found(root, model, **filters)) == count


@pytest.mark.parametrize("model", READ_ONLY)
def test_a_filter_through_relations_is_refused(
    root: Client, message: Message, model: type[Any]
) -> None:
    """A filter that reaches other collections could read passwords letter by letter."""
    for name in ("user__password__startswith", "creator__password__startswith", "$where"):
        response = root.get(PAGES[model], {name: "argon2"})
        assert response.status_code in (302, 400)


@pytest.mark.parametrize("model", READ_ONLY)
def test_nothing_is_added_changed_or_deleted(
    root: Client, cast: Cast, message: Message, model: type[Any]
) -> None:
    shown = one(model, cast)
    before = list(model.objects.order_by("pk").values())
    where = f"{PAGES[model]}{shown.pk}"
    assert root.get(f"{PAGES[model]}add/").status_code == 403
    assert root.post(f"{PAGES[model]}add/", {}).status_code == 403
    assert root.post(f"{where}/change/", {"name": "x", "data": "x"}).status_code == 403
    assert root.post(f"{where}/delete/", {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": shown.pk, "post": "yes"}
    root.post(PAGES[model], action)
    assert list(model.objects.order_by("pk").values()) == before


def test_texts_and_names_are_inert(root: Client, cast: Cast, message: Message) -> None:
    Room.objects.filter(pk=cast.room.pk).update(name=HOSTILE, info=HOSTILE)
    for shown in (cast.room, message):
        where = PAGES[type(shown)]
        for path in (where, f"{where}{shown.pk}/change/"):
            page = root.get(path).content.decode()
            assert "<script>alert" not in page
            assert escape("<script>alert(1)</script>{{7*7}}") in page


@pytest.mark.parametrize("model", PAGES)
def test_others_are_sent_to_the_sign_in(cast: Cast, message: Message, model: type[Any]) -> None:
    shown = one(model, cast)
    for client in (Client(), browser(cast.owner)):
        for path in (PAGES[model], f"{PAGES[model]}{shown.pk}/change/"):
            answer = client.get(path)
            assert (answer.status_code, answer["Location"]) == (
                302,
                f"/admin/login/?next={path}",
            )


@pytest.mark.parametrize("model", PAGES)
def test_staff_need_the_permission(cast: Cast, message: Message, model: type[Any]) -> None:
    staff = browser(cast.owner, is_staff=True)
    assert staff.get(PAGES[model]).status_code == 403
    assert staff.get(f"{PAGES[model]}{one(model, cast).pk}/change/").status_code == 403


def test_staff_with_the_permission_look_at_messages(cast: Cast, message: Message) -> None:
    cast.owner.user_permissions.add(Permission.objects.get(codename="view_message"))
    staff = browser(cast.owner, is_staff=True)
    assert found(staff, Message) == {message.pk}
    assert staff.get(PAGES[Room]).status_code == 403
