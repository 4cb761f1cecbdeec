"""Names that can be taken for another member's are marked, however they came into the room."""

from typing import Any

import pytest

from accounts.models import User
from chat import inbox
from rooms import services
from rooms.models import Room
from tests.api import Api
from tests.conftest import Cast, new_user
from tests.pages.conftest import browser, text

CYRILLIC = "М\u0435mb\u0435r"  # Member


def marked(room: Room, viewer: User) -> set[str]:
    members = Api(viewer).get(f"rooms/{room.pk}/members/").json()["results"]
    assert all(member.get("lookalike", True) is True for member in members)
    return {member["user"]["identity"] for member in members if "lookalike" in member}


def impostor(nickname: str) -> User:
    user = new_user("mallory")
    User.objects.filter(pk=user.pk).update(nickname=nickname)
    return user


def by_number(cast: Cast) -> User:
    user = impostor(CYRILLIC)
    services.join(inbox=inbox, user=user, number=cast.room.number)
    return user


def added(cast: Cast) -> User:
    user = impostor(CYRILLIC)
    services.add_member(
        inbox=inbox, user=cast.owner, room_identity=cast.room.pk, peer_identity=user.pk
    )
    return user


def renamed(cast: Cast) -> User:
    answer = Api(cast.muted).patch("users/me/", {"nickname": CYRILLIC})
    assert answer.status_code == 200
    return cast.muted


@pytest.mark.parametrize("come", [by_number, added, renamed])
def test_they_are_marked_at_every_door(cast: Cast, come: Any) -> None:
    assert marked(cast.room, cast.owner) == set()
    user = come(cast)
    assert marked(cast.room, cast.owner) == {cast.member.pk, user.pk}
    settings = browser(cast.owner).get(f"/rooms/{cast.room.pk}/settings/")
    assert text(settings).count("Similar name in this group") == 2


def test_messages_show_their_usernames(cast: Cast) -> None:
    user = added(cast)
    for author, shown in ((user, f"@{user.account}"), (cast.admin, "@")):
        sent = Api(author).post(
            f"rooms/{cast.room.pk}/messages/", {"client_id": author.pk, "data": "hello"}
        )
        assert sent.status_code == 201
        page = browser(cast.owner).get(f"/chat/{cast.room.pk}/").content.decode()
        hidden = " hidden" if shown == "@" else ""
        assert f'<bdi class="handle" translate="no"{hidden}>{shown}</bdi>' in page


@pytest.mark.parametrize("nickname", ["D\u0435l\u0435ted user", "SYST\u0415M"])
def test_look_alikes_of_the_system_are_refused(cast: Cast, nickname: str) -> None:
    answer = Api(cast.member).patch("users/me/", {"nickname": nickname})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["nickname"])


@pytest.mark.parametrize("name", ["Kit\u200bchen", "Kit\u3164chen", "Kit\u00adchen"])
def test_names_of_groups_hide_nothing(cast: Cast, name: str) -> None:
    made = Api(cast.owner).post("rooms/", {"name": name})
    changed = Api(cast.owner).patch(f"rooms/{cast.room.pk}/", {"name": name})
    assert [list(answer.json()["errors"]) for answer in (made, changed)] == [["name"]] * 2
