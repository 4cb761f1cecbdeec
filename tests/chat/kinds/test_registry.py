"""A kind of message that exists in this file alone travels like text, through every door."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from chat import kinds
from chat.kinds import Content, Kind
from chat.kinds.registry import _kinds
from chat.models import Message
from chat.payloads import message_payload, new_document
from chat.services import edit_message
from imsystem.errors import BadRequest, Forbidden, TooLarge
from imsystem.threads import run_in_thread
from tests.api import Api
from tests.chat.rest import messages_of
from tests.conftest import Cast
from tests.pages.conftest import browser
from tests.sockets import socket_of

ROOM, USER = "a" * 24, "b" * 24


def check_dice(content: Content) -> Content:
    """The dice are thrown here: what is stored differs from what was sent."""
    if content.data not in ("", "6"):
        raise BadRequest(errors={"data": ["A dice is thrown without a text."]})
    return Content(kind="dice", data="6", reply_to=content.reply_to)


DICE = Kind(
    name="dice",
    template="dice.html",
    check=check_dice,
    preview=lambda message: f"[{translation.gettext('Message')}] \n {message['data']}",
    searchable=lambda message: f"dice {message['data']}",
    editable=False,
)


@pytest.fixture
def dice(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Kind:
    monkeypatch.setitem(_kinds, "dice", DICE)
    (tmp_path / "dice.html").write_text("<b class=dice>{{ message.data }}</b>")
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [*engine["DIRS"], tmp_path]}]
    return DICE


def stored(content: Content, **changes: Any) -> dict[str, Any]:
    document = new_document(
        room_identity=ROOM, user_identity=USER, client_id="c", seq=1, content=content, now=1
    )
    return {**document, **changes}


def test_it_is_sent_by_rest_read_back_and_shown(cast: Cast, dice: Kind) -> None:
    api = Api(cast.member)
    sent = api.post(messages_of(cast), {"client_id": "c1", "kind": "dice", "data": ""})
    assert sent.status_code == 201
    message = Message.objects.get()
    assert (message.kind, message.data) == ("dice", "6")
    (read,) = api.get(messages_of(cast)).json()["messages"]
    assert {**read, "duplicate": False} == sent.json()
    page = browser(cast.owner).get(f"/chat/{cast.room.pk}/").content.decode()
    assert '<div class="text" dir="auto"><b class=dice>6</b></div>' in page
    assert '<span class="preview" dir="auto">[Message] 6</span>' in page


async def test_it_is_sent_by_socket_to_everybody(cast: Cast, dice: Kind) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        await owner.say(
            type="message.send", id="1", room_identity=cast.room.pk, client_id="c1",
            kind="dice", data="",
        )  # fmt: skip
        ack = await owner.hear()
        assert (ack["message"]["kind"], ack["message"]["data"]) == ("dice", "6")
        assert (await member.hear())["message"] == ack["message"]
        await member.say(type="sync", id="2", rooms={cast.room.pk: {"seq": 0}})
        answer = await member.hear()
        assert answer["rooms"][cast.room.pk]["messages"] == [ack["message"]]


def test_its_own_check_refuses(cast: Cast, dice: Kind) -> None:
    sent = Api(cast.member).post(
        messages_of(cast), {"client_id": "c1", "kind": "dice", "data": "5"}
    )
    assert (sent.status_code, sent.json()["errors"]) == (
        400,
        {"data": ["A dice is thrown without a text."]},
    )
    assert Message.objects.count() == 0


async def test_it_cannot_be_edited(cast: Cast, dice: Kind) -> None:
    api = await run_in_thread(Api, cast.member)
    body = {"client_id": "c1", "kind": "dice", "data": ""}
    sent = await run_in_thread(api.post, messages_of(cast), body)
    with pytest.raises(Forbidden):
        await edit_message(
            user_identity=cast.member.pk, message_identity=sent.json()["identity"], data="1"
        )


def test_no_kind_is_registered_twice() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        kinds.register(Kind("text", "", lambda c: c, lambda m: "", lambda m: ""))


@pytest.mark.parametrize("kind", ["system", "void", "image", "", "TEXT"])
def test_unknown_kinds_cannot_be_sent(kind: str) -> None:
    with pytest.raises(BadRequest) as error:
        kinds.check_sent(Content(kind=kind, data="x"))
    assert list(error.value.errors) == ["kind"]


def test_a_kind_of_the_servers_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Kind("own", "", lambda c: c, lambda m: "", lambda m: "", sent_by_clients=False)
    monkeypatch.setitem(_kinds, "own", own)
    with pytest.raises(BadRequest):
        kinds.check_sent(Content(kind="own", data="x"))


def test_text_is_checked_as_sent_and_as_edited() -> None:
    document = stored(Content(data="hello"))
    assert kinds.check_edit(document, "bye") == "bye"
    for data, error in ((" ", BadRequest), ("x" * 5_001, TooLarge)):
        with pytest.raises(error):
            kinds.check_sent(Content(data=data))
        with pytest.raises(error):
            kinds.check_edit(document, data)


# --- previews and search --------------------------------------------------------------------


def test_a_preview_is_one_line_of_at_most_120_characters() -> None:
    assert kinds.preview(stored(Content(data="a\n  b\t c"))) == "a b c"
    assert kinds.preview(stored(Content(data="x" * 120))) == "x" * 120
    assert kinds.preview(stored(Content(data="x" * 121))) == "x" * 119 + "…"
    assert kinds.preview(None) == ""


@pytest.mark.parametrize(
    ("language", "line"), [("en", "Message unsent"), ("zh-hans", "消息已撤回")]
)
def test_a_recalled_message_says_so_in_the_readers_language(language: str, line: str) -> None:
    recalled = stored(Content(data=""), recalled_at=5)
    with translation.override(language):
        assert kinds.preview(recalled) == line
        assert kinds.preview(message_payload(recalled)) == line
    assert kinds.searchable_text(recalled) == ""


def test_a_kind_that_this_server_does_not_know_is_shown_as_text() -> None:
    later = stored(Content(kind="hologram", data="{}"))
    assert kinds.preview(later) == "Message"
    assert kinds.searchable_text(later) == ""
    assert kinds.template_of("hologram") == "chat/kinds/text.html"


def test_what_is_searched_is_up_to_the_kind(dice: Kind) -> None:
    assert kinds.searchable_text(stored(Content(data="hello"))) == "hello"
    assert kinds.searchable_text(stored(Content(kind="dice", data="6"))) == "dice 6"


# --- a field is declared once ---------------------------------------------------------------


def test_a_field_of_the_content_is_named_where_it_is_declared_and_nowhere_else() -> None:
    """`reply_to` used to be named in eight modules. The service that looks up the quoted message is
    the only one that needs it beside the declaration, the payload and the columns of the admin."""
    root = Path(__file__).parents[3] / "chat"
    naming = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "migrations" not in path.parts
        and re.search(r"\breply_to\b", path.read_text(encoding="utf-8"))
    }
    assert naming == {"kinds/content.py", "payloads.py", "models.py", "services.py"}
