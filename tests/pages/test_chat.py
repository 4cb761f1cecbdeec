"""The chat page: what the server renders, and what works without JavaScript."""

import json
import re

import pytest
from django.http import HttpResponse

from accounts.models import User
from chat.services import mark_read, recall_message, send_message
from imsystem.loops import run_on_loop
from rooms import services
from tests.conftest import Cast
from tests.pages.conftest import browser, text


def say(user: User, room: str, *texts: str) -> list[str]:
    """Sends messages and returns their identities."""
    return [
        run_on_loop(
            send_message(
                user_identity=user.pk,
                room_identity=room,
                client_id="c-" + re.sub(r"[^!-~]", "-", data)[:60],
                data=data,
            )
        ).message["identity"]
        for data in texts
    ]


def shown(response: HttpResponse) -> list[int]:
    """Returns the seqs of the messages on the page, without the template for later ones."""
    page = re.sub(r"<template.*?</template>", "", response.content.decode(), flags=re.DOTALL)
    return [int(seq) for seq in re.findall(r'data-seq="(\d+)"', page)]


def bootstrap(response: HttpResponse, name: str = "bootstrap") -> dict[str, object]:
    found = re.search(rf'<script id="{name}"[^>]*>(.*?)</script>', response.content.decode())
    assert found
    loaded: dict[str, object] = json.loads(found[1])
    return loaded


def test_the_start_page_leads_to_the_chats_or_to_signing_in(cast: Cast) -> None:
    assert browser().get("/")["Location"] == "/chat/"
    assert browser().get("/chat/")["Location"] == "/accounts/login/?next=/chat/"
    assert browser(cast.member).get("/chat/").status_code == 200


def test_who_has_no_rooms_is_told_what_to_do(cast: Cast) -> None:
    page = text(browser(cast.outsider).get("/chat/"))
    assert "Welcome to IMSystem" in page
    assert "Join a group" in page


def test_a_room_shows_its_messages_and_hooks(cast: Cast) -> None:
    (identity,) = say(cast.owner, cast.room.pk, "Tea is ready")
    response = browser(cast.member).get(f"/chat/{cast.room.pk}/")
    page = response.content.decode()
    assert 'role="log"' in page
    assert f'data-message-id="{identity}"' in page
    assert 'data-client-id="c-Tea-is-ready"' in page
    assert f'data-room-identity="{cast.room.pk}"' in page
    assert "Tea is ready" in text(response)
    page_data = bootstrap(response)["page"]
    assert isinstance(page_data, dict)
    assert [message["data"] for message in page_data.pop("messages")] == ["Tea is ready"]
    assert page_data == {
        "has_before": False,
        "has_after": False,
        "last_seq": 1,
        "revision": 0,
        "complete_to": 1,
    }
    assert bootstrap(response, "me")["identity"] == cast.member.pk


def test_the_composer_is_the_last_textarea(cast: Cast) -> None:
    page = browser(cast.member).get(f"/chat/{cast.room.pk}/").content.decode()
    page = re.sub(r"<template.*?</template>", "", page, flags=re.DOTALL)
    assert re.findall(r"<textarea[^>]* name=\"(\w+)\"|<textarea name=\"(\w+)\"", page)[-1] != (
        "",
        "",
    )
    assert page.rindex("<textarea") == page.rindex('<textarea name="data"')


@pytest.mark.parametrize("identity", ["f" * 24, "nonsense", "0" * 23])
def test_strangers_get_404(cast: Cast, identity: str) -> None:
    client = browser(cast.outsider)
    for room in (cast.room.pk, identity):
        assert client.get(f"/chat/{room}/").status_code == 404
        assert client.post(f"/chat/{room}/", {"data": "x"}).status_code == 404


def test_text_is_text(cast: Cast) -> None:
    say(cast.owner, cast.room.pk, "<script>alert(1)</script>", "</script><b>")
    page = browser(cast.member).get(f"/chat/{cast.room.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "</script><b>" not in page


def test_sending_without_javascript(cast: Cast) -> None:
    client = browser(cast.member)
    client_id = client.get(f"/chat/{cast.room.pk}/").context["client_id"]
    for _twice in range(2):
        form = {"data": "one\r\ntwo", "client_id": client_id}
        response = client.post(f"/chat/{cast.room.pk}/", form)
        assert response["Location"] == f"/chat/{cast.room.pk}/"
    response = client.get(f"/chat/{cast.room.pk}/")
    assert shown(response) == [1]
    assert response.context["rows"][0]["message"]["data"] == "one\ntwo"


def test_a_message_that_is_refused_is_explained(cast: Cast) -> None:
    url = f"/chat/{cast.room.pk}/"
    assert "You are muted" in text(browser(cast.muted).post(url, {"data": "x"}, follow=True))
    assert "Write something" in text(browser(cast.member).post(url, {"data": " "}, follow=True))


def test_a_recalled_message_shows_no_text(cast: Cast) -> None:
    (identity,) = say(cast.owner, cast.room.pk, "regret")
    run_on_loop(recall_message(user_identity=cast.owner.pk, message_identity=identity))
    url = f"/chat/{cast.room.pk}/"
    theirs, own = browser(cast.member).get(url), browser(cast.owner).get(url)
    assert "regret" not in text(theirs)
    assert "This message was unsent" in text(theirs)
    assert "You unsent this message" in text(own)


def test_the_page_starts_at_the_first_unread_message(cast: Cast) -> None:
    say(cast.owner, cast.room.pk, *map(str, range(1, 121)))
    client, url = browser(cast.member), f"/chat/{cast.room.pk}/"
    run_on_loop(mark_read(user_identity=cast.member.pk, room_identity=cast.room.pk, seq=30))
    assert shown(client.get(url)) == list(range(21, 71))
    assert shown(client.get(url, {"before": "21"})) == list(range(1, 21))
    run_on_loop(mark_read(user_identity=cast.member.pk, room_identity=cast.room.pk, seq=118))
    assert shown(client.get(url)) == list(range(71, 121))
    assert client.get(url, {"before": "x" * 99}).status_code == 200


def test_the_list_shows_unread_counts_and_the_title_their_sum(cast: Cast) -> None:
    say(cast.owner, cast.room.pk, "a", "b")
    response = browser(cast.member).get("/chat/")
    assert '<span class="count">2</span>' in response.content.decode()
    assert "<title>(2) Chats" in response.content.decode()


def test_who_has_left_keeps_their_name(cast: Cast) -> None:
    say(cast.member, cast.room.pk, "bye")
    services.leave(user=cast.member, room_identity=cast.room.pk)
    response = browser(cast.owner).get(f"/chat/{cast.room.pk}/")
    assert response.context["rows"][0]["author"]["nickname"] == cast.member.nickname


def test_addresses_are_links_without_javascript(cast: Cast) -> None:
    say(cast.owner, cast.room.pk, "看 https://example.com/a。 <b> https://google.com@evil.example/")
    page = browser(cast.member).get(f"/chat/{cast.room.pk}/").content.decode()
    assert '看 <a href="https://example.com/a" target="_blank" rel="noopener' in page
    assert "</a>。 &lt;b&gt; https://google.com@evil.example/" in page
    assert page.count('<a href="https://') == 1


def test_times_say_their_zone_without_javascript(cast: Cast) -> None:
    say(cast.owner, cast.room.pk, "Tea is ready")
    page = text(browser(cast.member).get(f"/chat/{cast.room.pk}/"))
    assert re.search(r"\d\d:\d\d UTC", page)
