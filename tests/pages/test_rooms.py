"""The pages of rooms."""

import pytest

from rooms.models import Member, Room
from tests.conftest import Cast, new_user
from tests.pages.conftest import browser, field_errors, text


def test_a_new_room_is_opened_at_once(cast: Cast) -> None:
    client = browser(cast.member)
    response = client.post("/rooms/new/", {"name": "Books", "info": "One a week."})
    room = Room.objects.get(name="Books")
    assert response["Location"] == f"/chat/{room.identity}/"
    assert field_errors(client.post("/rooms/new/", {"name": " "})).keys() == {"name"}


def test_joining_shows_the_room_first(cast: Cast) -> None:
    client = browser(cast.outsider)
    number = cast.room.number
    page = client.get("/rooms/join/", {"number": f"{number[:4]} {number[4:]}"})
    assert "Kitchen" in text(page)
    assert not Member.objects.filter(user_id=cast.outsider.pk).exists()
    response = client.post("/rooms/join/", {"number": number, "action": "join"})
    assert response["Location"] == f"/chat/{cast.room.identity}/"
    assert Member.objects.filter(user_id=cast.outsider.pk).exists()


@pytest.mark.parametrize("number", ["11111111", "abc", "１２３４５６", "0"])
def test_an_unknown_number_is_told_at_the_field(cast: Cast, number: str) -> None:
    response = browser(cast.outsider).get("/rooms/join/", {"number": number})
    assert field_errors(response) == {"number": ["No group with this number."]}


def test_writing_to_somebody_opens_one_room_for_both(cast: Cast) -> None:
    there = browser(cast.member).post("/rooms/direct/", {"account": cast.outsider.account.upper()})
    back = browser(cast.outsider).post("/rooms/direct/", {"account": cast.member.account})
    assert there.status_code == 302
    assert there["Location"] == back["Location"]


def test_writing_to_nobody_or_oneself_is_told(cast: Cast) -> None:
    client = browser(cast.member)
    nobody = client.post("/rooms/direct/", {"account": "nobody.here"})
    assert field_errors(nobody) == {"account": ["No user with this username."]}
    oneself = client.post("/rooms/direct/", {"account": cast.member.account})
    assert field_errors(oneself).keys() == {"__all__"}


def test_members_see_who_is_in_the_room(cast: Cast) -> None:
    page = text(browser(cast.member).get(f"/rooms/{cast.room.identity}/settings/"))
    assert cast.room.number in page
    assert "4 members" in page
    assert cast.admin.account in page
    assert "Leave group" in page
    assert "Delete group" not in page


def test_strangers_see_no_room(cast: Cast) -> None:
    client = browser(cast.outsider)
    for identity in (cast.room.identity, "f" * 24, "nonsense"):
        response = client.get(f"/rooms/{identity}/settings/")
        assert response.status_code == 404
        assert "Go to chats" in text(response)
        assert client.post(f"/rooms/{identity}/settings/", {"action": "leave"}).status_code == 404


def test_leaving(cast: Cast) -> None:
    client = browser(cast.member)
    url = f"/rooms/{cast.room.identity}/settings/"
    assert client.post(url, {"action": "leave"})["Location"] == "/chat/"
    assert client.get(url).status_code == 404


def test_the_owner_cannot_leave_and_is_told_why(cast: Cast) -> None:
    url = f"/rooms/{cast.room.identity}/settings/"
    response = browser(cast.owner).post(url, {"action": "leave"}, follow=True)
    assert "Transfer ownership to another member first" in text(response)
    assert Member.objects.filter(user_id=cast.owner.pk).exists()


def test_managing_members(cast: Cast) -> None:
    url = f"/rooms/{cast.room.identity}/settings/"
    client, new = browser(cast.owner), new_user("new")
    client.post(url, {"action": "add", "account": new.account})
    assert Member.objects.filter(user_id=new.pk).exists()
    client.post(url, {"action": "make_admin", "user_identity": new.pk})
    assert Member.objects.get(user_id=new.pk).role == "admin"
    client.post(url, {"action": "remove", "user_identity": new.pk})
    assert not Member.objects.filter(user_id=new.pk).exists()
    client.post(url, {"action": "update", "name": "Garden", "info": ""})
    assert Room.objects.get().name == "Garden"


@pytest.mark.parametrize("action", ["add", "remove", "make_admin", "update", "delete"])
def test_members_manage_nothing(cast: Cast, action: str) -> None:
    url = f"/rooms/{cast.room.identity}/settings/"
    fields = {"account": cast.outsider.account, "user_identity": cast.muted.pk, "name": "Mine"}
    before = (Room.objects.get().name, sorted(Member.objects.values_list("user_id", "role")))
    response = browser(cast.member).post(url, {"action": action, **fields})
    assert response.status_code == 302
    after = (Room.objects.get().name, sorted(Member.objects.values_list("user_id", "role")))
    assert before == after


def test_an_unknown_action_is_refused(cast: Cast) -> None:
    url = f"/rooms/{cast.room.identity}/settings/"
    assert browser(cast.owner).post(url, {"action": "x"}).status_code == 400


@pytest.mark.parametrize("action", ["leave", "remove", "ban", "make_owner", "delete"])
def test_what_cannot_be_undone_asks_on_a_page_of_its_own(cast: Cast, action: str) -> None:
    """Asking changes nothing; the form on the page does."""
    url = f"/rooms/{cast.room.identity}/settings/"
    user = cast.member if action == "leave" else cast.owner
    client = browser(user)
    page = client.get(url, {"confirm": action, "user_identity": cast.admin.identity})
    assert page.templates[0].name == "rooms/confirm.html"
    assert f'name="action" value="{action}"' in page.content.decode()
    assert Member.objects.filter(room_id=cast.room.identity).count() == 4
    assert Room.objects.filter(pk=cast.room.identity).exists()


@pytest.mark.parametrize("query", ["confirm=remove", "confirm=remove&user_identity=x", "confirm=x"])
def test_a_question_about_nobody_is_the_settings_page(cast: Cast, query: str) -> None:
    page = browser(cast.owner).get(f"/rooms/{cast.room.identity}/settings/?{query}")
    assert page.templates[0].name == "rooms/settings.html"
