"""The registry of kinds: how each is checked, previewed, searched and shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.utils.text import Truncator
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from chat.kinds.content import Content
from imsystem.errors import BadRequest, Forbidden

PREVIEW_LENGTH = 120

# A message as a payload or as a document: both have the fields of Content.
Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of message.

    `check` returns the content to store, or raises BadRequest or TooLarge; it runs on the message
    path and must not wait for anything. `preview` is called when somebody reads it, so what it
    translates is in the reader's language. `template` shows the content on a page and gets
    `message` and `row`.
    """

    name: str
    template: str
    check: Callable[[Content], Content]
    preview: Callable[[Said], str]
    searchable: Callable[[Said], str]
    sent_by_clients: bool = True
    editable: bool = True


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Adds a kind. Called once per name, at import."""
    if kind.name in _kinds:
        raise ValueError(f"the kind {kind.name} is registered twice")
    _kinds[kind.name] = kind
    return kind


def check_sent(content: Content) -> Content:
    """Returns the content to store. Raises BadRequest for kinds that clients cannot send, and
    whatever the kind's own check raises."""
    kind = _kinds.get(content.kind)
    if kind is None or not kind.sent_by_clients:
        raise BadRequest(errors={"kind": [_("This kind of message cannot be sent.")]})
    return kind.check(content)


def check_edit(message: Said, data: str) -> str:
    """Returns the new `data` of a message. Raises what `check` of its kind raises, or Forbidden
    for kinds that cannot be edited."""
    kind = _kinds.get(message["kind"])
    if kind is None or not kind.editable:
        raise Forbidden(_("Messages of this kind cannot be edited."))
    said = {name: message[name] for name in Content.__struct_fields__ if name in message}
    return kind.check(msgspec.structs.replace(Content(**said), data=data)).data


def preview(message: Said | None) -> str:
    """Returns one line that stands for the message in room lists, notifications and quotes, in the
    active language; "" without a message."""
    if not message:
        return ""
    if message["recalled_at"] is not None:
        return _now("Message unsent")
    kind = _kinds.get(message["kind"])
    line = kind.preview(message) if kind else _now("Message")
    return Truncator(" ".join(line.split())).chars(PREVIEW_LENGTH)


def searchable_text(message: Said) -> str:
    """Returns what a search may find of the message; "" for recalled and unknown ones."""
    kind = _kinds.get(message["kind"])
    return kind.searchable(message) if kind and message["recalled_at"] is None else ""


def template_of(kind_name: str) -> str:
    """Returns the template that shows messages of a kind. An older server shows kinds that it does
    not know as text."""
    kind = _kinds.get(kind_name) or _kinds["text"]
    return kind.template
