"""Odd frames that are accepted (24-28, 30): stored as they came, and nothing else with them."""

import secrets
from typing import Any

import httpx
import pytest
from django.utils.html import escape

from tests.hostile.scene import Scene, case
from tests.hostile.target import PASSWORD, Json, Person

pytestmark = pytest.mark.usefixtures("unharmed")

AT_THE_LIMIT = [
    case(24, "letters", "x" * 5_000),
    case(24, "emoji", "😀" * 5_000),
    case(24, "combining-marks", "e" + "\u0301" * 1_000),
    case(24, "families", "👩‍👩‍👧‍👦" * 700),
    case(24, "one-letter", "x"),
    case(24, "half-blank", "\u200b" * 4_999 + "x"),
]
# None of these may be anything but text, wherever it is shown.
TEXTS = [
    case(25, "script", "<script>alert(1)</script>"),
    case(25, "image", "<img src=x onerror=alert(1)>"),
    case(25, "svg", "<svg/onload=alert(1)>"),
    case(25, "link", "javascript:alert(1)"),
    case(25, "markdown-link", "[x](javascript:alert(1))"),
    case(25, "end-of-script", "</script><script>alert(1)</script>"),
    case(25, "end-of-comment", "--><!-- <b>"),
    case(25, "attribute", '" onmouseover="alert(1)" x=\''),
    case(25, "template", "{{7*7}}{% debug %}${7*7}<%= 7*7 %>"),
    case(25, "right-to-left", "\u202etxt.exe\u202c"),
    case(25, "controls", "a\x1b[31mb\x07\x08\x7f"),
    case(25, "line-separators", "a\u2028b\u2029c\r\nd"),
    case(25, "operator", '{"$where": "sleep(9)"}'),
    case(25, "path", "../../etc/passwd"),
    case(25, "not-a-character", "\ufffe\uffff\U0010ffff"),
    case(25, "not-normal", "e\u0301 ﬁ Ⅷ ａ"),
    case(25, "http-link", 'https://example.org/"><script>alert(1)</script>'),
]


def send(scene: Scene, person: Person, data: str, **fields: Any) -> Json:
    with scene.socket(person) as socket:
        frame = {"type": "message.send", "id": "7", "room_identity": "@kitchen", "data": data}
        answer = scene.ask(socket, frame | {"client_id": secrets.token_hex(8)} | fields)
        scene.still_answers(socket)
        return answer


@pytest.mark.parametrize("text", AT_THE_LIMIT + TEXTS)
def test_a_text_is_stored_as_it_came(scene: Scene, text: str) -> None:
    answer = send(scene, scene.eve, text)
    assert (answer["type"], answer["message"]["data"]) == ("ack", text)
    stored = scene.target.database["message_basic"].find_one({"_id": answer["message"]["identity"]})
    assert stored is not None
    assert stored["data"] == text
    with scene.socket(scene.alice) as socket:
        known = {"seq": answer["message"]["seq"] - 1}
        heard = scene.ask(socket, {"type": "sync", "id": "7", "rooms": {"@kitchen": known}})
    [message] = heard["rooms"][scene.names["kitchen"]]["messages"]
    assert message == {key: answer["message"][key] for key in message}


def test_25_pages_and_admin_show_them_as_text(scene: Scene) -> None:
    """Names too: of a user and of a room. What a browser makes of it: tests/pages, tests/js."""
    evil = "<script>alert(7)</script>{{7*7}}"
    person = scene.target.register("mallory")
    scene.as_person(person, "PATCH", "users/me/", {"nickname": "<b onclick=x>{{7*7}}"})
    body = {"name": evil[:30], "info": evil, "members": [scene.alice.identity]}
    room = scene.as_person(person, "POST", "rooms/", body)["identity"]
    path = f"rooms/{room}/messages/"
    scene.as_person(person, "POST", path, {"client_id": "evil", "data": evil})
    root = {"$set": {"is_staff": True, "is_superuser": True}}
    scene.target.database["user_basic"].update_one({"account": person.account}, root)
    seen = ""
    with scene.target.browser() as alice, scene.target.browser() as admin:
        fields = {"account": scene.alice.account, "password": PASSWORD}
        assert alice.form("/accounts/login/", **fields).status_code == 302
        for page in ("/chat/", f"/chat/{room}/", f"/rooms/{room}/settings/"):
            seen += inert(alice.get(page))
        form = {"username": person.account, "password": PASSWORD}
        assert admin.form("/admin/login/", **form).status_code == 302
        for page in ("accounts/user/", "rooms/room/", "rooms/member/", "chat/message/",
                     f"rooms/room/{room}/change/", "chat/message/?q=%3Cscript%3E",
                     "chat/message/?q=.*", "accounts/user/?q=(a%2B)%2B%24"):  # fmt: skip
            seen += inert(admin.get(f"/admin/{page}"))
    assert seen.count(escape(evil)) >= 5
    assert seen.count(escape("<b onclick=x>{{7*7}}")) >= 5


def inert(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.url
    assert "<script>alert(" not in answer.text
    assert "<b onclick" not in answer.text
    return answer.text


def test_26_fields_of_the_server_are_ignored(scene: Scene) -> None:
    more = {"sender": "@bob", "user_identity": "@bob", "seq": 9_999, "revision": 7, "_id": "0" * 24,
            "identity": "0" * 24, "created_at": 1, "updated_at": 1, "edited_at": 1,
            "recalled_at": 1, "is_admin": True, "room.owner": "@eve", "room": {"owner": "@eve"},
            "$set": {"seq": 1}, "__class__": "x", "role": "owner"}  # fmt: skip
    message = send(scene, scene.eve, "26", **more)["message"]
    assert message["user_identity"] == scene.eve.identity
    assert message["identity"] != "0" * 24
    assert message["seq"] < 9_999
    assert min(message["created_at"], message["updated_at"]) > 1_700_000_000_000
    assert (message["revision"], message["edited_at"], message["recalled_at"]) == (0, None, None)
    stored = scene.target.database["message_basic"].find_one({"_id": message["identity"]})
    assert stored is not None
    assert not {"sender", "is_admin", "room", "role", "__class__"} & set(stored)
    [members] = [scene.as_person(scene.alice, "GET", f"rooms/{scene.names['kitchen']}/members/")]
    roles = {member["user"]["identity"]: member["role"] for member in members["results"]}
    assert roles[scene.eve.identity] == "member"


def test_27_of_two_texts_with_one_name_the_first_stays(scene: Scene) -> None:
    name = secrets.token_hex(8)
    first = send(scene, scene.eve, "first", client_id=name)
    again = send(scene, scene.eve, "second", client_id=name)
    assert again["message"] == first["message"]
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    frame = {"client_id": name, "data": "third"}
    path = f"rooms/{scene.names['kitchen']}/messages/"
    assert scene.as_person(scene.eve, "POST", path, frame)["data"] == "first"


def test_28_a_name_is_its_sender_s_and_its_room_s(scene: Scene) -> None:
    name = secrets.token_hex(8)
    eves = send(scene, scene.eve, "eve's", client_id=name)["message"]
    bobs = send(scene, scene.bob, "bob's", client_id=name)["message"]
    there = send(scene, scene.eve, "there", client_id=name, room_identity="@evesroom")["message"]
    assert len({message["identity"] for message in (eves, bobs, there)}) == 3
    assert [message["data"] for message in (eves, bobs, there)] == ["eve's", "bob's", "there"]


def test_30_a_position_is_clamped_and_only_grows(scene: Scene) -> None:
    newest = send(scene, scene.eve, "30")["message"]["seq"]
    with scene.socket(scene.eve) as socket:
        for seq in (2**53 - 1, 0, 1, newest):
            frame = {"type": "room.read", "id": "7", "room_identity": "@kitchen", "seq": seq}
            expected = {"type": "ack", "id": "7", "room_identity": scene.names["kitchen"]}
            assert scene.ask(socket, frame) == {**expected, "seq": newest}
