"""The shapes of the message API. The rules are in services.py, policies.py and kinds/.

What a message holds is declared once, in chat/kinds/content.py and chat/payloads.py; the fields
here are derived from there.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

import msgspec
from rest_framework import serializers

from chat.kinds import Content, Identity
from chat.payloads import MessagePayload
from chat.protocol import MAX_SEQ
from chat.selectors import DEFAULT_PAGE, MAX_PAGE
from imsystem.http.fields import (
    IdentityField,
    QueryIntegerField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
)

_SENT: Mapping[Any, type[serializers.Field[Any, Any, Any, Any]]] = {
    Identity: IdentityField,
    str: StrictCharField,
    int: StrictIntegerField,
    bool: StrictBooleanField,
}
_SHOWN: Mapping[Any, type[serializers.Field[Any, Any, Any, Any]]] = {
    Identity: IdentityField,
    str: serializers.CharField,
    int: serializers.IntegerField,
    bool: serializers.BooleanField,
}
Fields = dict[str, serializers.Field[Any, Any, Any, Any]]


def _nullable(annotation: Any) -> tuple[Any, bool]:
    """Splits `X | None` into X and True."""
    options = get_args(annotation)
    if type(None) not in options:
        return annotation, False
    (bare,) = (option for option in options if option is not type(None))
    return bare, True


def _content_fields() -> Fields:
    """Returns the fields of a request that sends a Content."""
    found: Fields = {}
    for field in msgspec.structs.fields(Content):
        bare, nullable = _nullable(field.type)
        more: dict[str, Any] = {"allow_null": True} if nullable else {}
        if bare is str:
            more["allow_blank"] = field.required  # the kind's own check says what is missing
        if not field.required:
            more |= {"required": False, "default": field.default}
        found[field.name] = _SENT[bare](**more)
    return found


def _message_fields() -> Fields:
    """Returns the fields of a message as clients get it."""
    found: Fields = {}
    for name, annotation in get_type_hints(MessagePayload, include_extras=True).items():
        bare, nullable = _nullable(annotation)
        more: dict[str, Any] = {"allow_null": True} if nullable else {}
        if get_origin(bare) is NotRequired:
            (bare,), more["required"] = get_args(bare), False
        found[name] = _SHOWN[bare](**more)
    return found


class HistoryQuery(serializers.Serializer[Any]):
    before = QueryIntegerField(required=False, min_value=1, max_value=MAX_SEQ)
    after = QueryIntegerField(required=False, min_value=0, max_value=MAX_SEQ)
    around = QueryIntegerField(required=False, min_value=0, max_value=MAX_SEQ)
    limit = QueryIntegerField(required=False, default=DEFAULT_PAGE, min_value=1, max_value=MAX_PAGE)


class SendBody(serializers.Serializer[Any]):
    client_id = StrictCharField(allow_blank=True)

    def get_fields(self) -> Fields:
        return {**super().get_fields(), **_content_fields()}


class EditBody(serializers.Serializer[Any]):
    data = StrictCharField(allow_blank=True)  # type: ignore[assignment]


class ReadBody(serializers.Serializer[Any]):
    seq = StrictIntegerField(min_value=0, max_value=MAX_SEQ)


class ReadSerializer(serializers.Serializer[Any]):
    room_identity = IdentityField()
    seq = serializers.IntegerField()


class MessageSerializer(serializers.Serializer[Any]):
    """A message. Times are Unix milliseconds. `duplicate` is there only in the answer to a send."""

    def get_fields(self) -> Fields:
        return _message_fields()


class HistorySerializer(serializers.Serializer[Any]):
    messages = MessageSerializer(many=True)
    has_before = serializers.BooleanField()
    has_after = serializers.BooleanField()
    last_seq = serializers.IntegerField()
    revision = serializers.IntegerField()
    complete_to = serializers.IntegerField()
