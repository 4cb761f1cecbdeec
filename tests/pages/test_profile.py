"""The profile page, which leads to all pages of an account, and the pictures on every page."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from accounts import services
from accounts.models import Avatar, User
from imsystem.client_limits import AVATAR_BYTES
from rooms import services as rooms
from tests.conftest import Cast
from tests.images import BLUE, picture
from tests.pages.conftest import browser, text
from tests.pages.test_chat import say

PAGES = ("email", "password", "two-factor", "devices", "privacy", "data", "delete")
PROFILE, AVATAR = "/accounts/profile/", "/accounts/avatar/"


def upload(client: Client, data: bytes, name: str = "avatar") -> HttpResponse:
    """Chooses a file in the form of the profile page and sends it."""
    return client.post(AVATAR, {name: SimpleUploadedFile("me.jpg", data)}, follow=True)


def pictures(response: HttpResponse) -> list[dict[str, str]]:
    """Returns the attributes of every <img> of a page except those in templates."""
    page = re.sub(r"<template.*?</template>", "", response.content.decode(), flags=re.DOTALL)
    images = re.findall(r"<img\b([^>]*)>", page)
    return [dict(re.findall(r'([\w-]+)="([^"]*)"', image)) for image in images]


def test_it_says_who_i_am_and_leads_to_every_page_of_the_account(cast: Cast) -> None:
    client = browser(cast.member)
    response = client.get(PROFILE)
    page = text(response)
    for shown in (cast.member.nickname, cast.member.account, cast.member.email):
        assert shown in page
    sections = response.content.decode().partition('<ul class="sections">')[2]
    links = re.findall(r'<a href="([^"]+)"', sections.partition("</ul>")[0])
    assert links == [f"/accounts/{page}/" for page in PAGES]
    for link in links:
        assert client.get(link).status_code == 200, link


def test_a_picture_is_uploaded_and_removed_without_javascript(cast: Cast) -> None:
    client = browser(cast.member)
    assert 'enctype="multipart/form-data"' in client.get(PROFILE).content.decode()
    assert "Remove picture" not in text(client.get(PROFILE))
    response = upload(client, picture(colour=BLUE))
    assert response.redirect_chain == [(PROFILE, 302)]
    assert "Profile picture changed." in text(response)
    address = f"/avatars/{Avatar.objects.get().pk}.webp"
    assert pictures(response)[0]["src"] == address
    assert client.get(address).status_code == 200
    response = client.post(AVATAR, {"action": "remove"}, follow=True)
    assert "Profile picture removed." in text(response)
    assert pictures(response)[0]["src"].startswith("/avatars/initial/")
    assert Avatar.objects.count() == 0


@pytest.mark.parametrize(
    ("data", "name", "told"),
    [
        (b"hello", "avatar", "We can't read this picture."),
        (b"", "avatar", "We can't read this picture."),
        (bytes(AVATAR_BYTES + 1), "avatar", "Pictures can be at most 5 MB."),
        (b"hello", "other", "Send exactly one picture."),
    ],
)
def test_what_is_refused_is_told(cast: Cast, data: bytes, name: str, told: str) -> None:
    response = upload(browser(cast.member), data, name)
    assert told in text(response)
    assert Avatar.objects.count() == 0


def test_nothing_chosen_is_told(cast: Cast) -> None:
    response = browser(cast.member).post(AVATAR, {}, follow=True)
    assert "Send exactly one picture." in text(response)


def test_only_oneself_by_a_form_of_ours(cast: Cast) -> None:
    assert browser().post(AVATAR)["Location"] == f"/accounts/login/?next={AVATAR}"
    assert browser(cast.member).get(AVATAR).status_code == 405
    foreign = Client(enforce_csrf_checks=True)
    foreign.force_login(cast.member, backend="accounts.backends.AccountBackend")
    assert foreign.post(AVATAR, {"avatar": SimpleUploadedFile("a", picture())}).status_code == 403
    assert Avatar.objects.count() == 0


def test_everywhere_a_person_is_shown(cast: Cast) -> None:
    services.set_avatar(user=cast.owner, data=picture())
    owner = User.objects.get(pk=cast.owner.pk)
    address = f"/avatars/{owner.avatar}.webp"
    say(cast.owner, cast.room.pk, "hello")
    client = browser(cast.member)
    client.post("/rooms/direct/", {"account": owner.account})
    size = {"width": "40", "height": "40"}
    room = pictures(client.get(f"/chat/{cast.room.pk}/"))
    listed = pictures(client.get("/chat/"))
    members = pictures(client.get(f"/rooms/{cast.room.pk}/settings/"))
    assert [image for image in room if image["src"] == address] == [
        {"class": "avatar", "src": address, **size, "alt": ""},  # the direct chat in the list
        {"class": "avatar", "src": address, "width": "36", "height": "36", "alt": ""},  # message
    ]
    assert [image["src"] for image in listed].count(address) == 1
    assert {"class": "avatar", "src": address, **size, "alt": "", "loading": "lazy"} in members
    for image in [*room, *listed, *members]:
        assert client.get(image["src"]).status_code == 200
        assert (image["alt"], image["width"]) in {("", "40"), ("", "36")}


def test_the_script_gets_the_pictures_of_all_members(cast: Cast) -> None:
    response = browser(cast.member).get(f"/chat/{cast.room.pk}/")
    people = response.context["bootstrap"]["people"]
    assert set(people) == {user.pk for user in (cast.owner, cast.admin, cast.member, cast.muted)}
    letter = f"/avatars/initial/{cast.owner.pk[-1]}-4f.svg"
    assert people[cast.owner.pk] == {"nickname": "Owner", "avatar": letter, "handle": ""}


def test_who_has_left_keeps_their_picture(cast: Cast) -> None:
    say(cast.member, cast.room.pk, "bye")
    rooms.leave(user=cast.member, room_identity=cast.room.pk)
    response = browser(cast.owner).get(f"/chat/{cast.room.pk}/")
    letter = f"/avatars/initial/{cast.member.pk[-1]}-4d.svg"
    assert response.context["rows"][0]["author"] == {
        "nickname": "Member",
        "avatar": letter,
        "handle": "",
    }
