"""Shapes of the message API. Rules are in services.py and policies.py."""

from typing import Any

from rest_framework import serializers

from chat.protocol import MAX_SEQ
from chat.selectors import DEFAULT_PAGE, MAX_PAGE
from imsystem.http.fields import (
    IdentityField,
    QueryIntegerField,
    StrictCharField,
    StrictIntegerField,
)


class HistoryQuery(serializers.Serializer[Any]):
    before = QueryIntegerField(required=False, min_value=1, max_value=MAX_SEQ)
    after = QueryIntegerField(required=False, min_value=0, max_value=MAX_SEQ)
    around = QueryIntegerField(required=False, min_value=0, max_value=MAX_SEQ)
    limit = QueryIntegerField(required=False, default=DEFAULT_PAGE, min_value=1, max_value=MAX_PAGE)


class SendBody(serializers.Serializer[Any]):
    client_id = StrictCharField(allow_blank=True)
    data = StrictCharField(allow_blank=True)  # type: ignore[assignment]
    kind = StrictCharField(required=False, default="text", help_text="text")
    reply_to = IdentityField(required=False, allow_null=True, default=None)


class EditBody(serializers.Serializer[Any]):
    data = StrictCharField(allow_blank=True)  # type: ignore[assignment]


class ReadBody(serializers.Serializer[Any]):
    seq = StrictIntegerField(min_value=0, max_value=MAX_SEQ)


class ReadSerializer(serializers.Serializer[Any]):
    room_identity = IdentityField()
    seq = serializers.IntegerField()


class MessageSerializer(serializers.Serializer[Any]):
    """A message. Times in Unix milliseconds."""

    identity = IdentityField()
    room_identity = IdentityField()
    user_identity = IdentityField()
    seq = serializers.IntegerField()
    revision = serializers.IntegerField()
    client_id = serializers.CharField()
    kind = serializers.CharField()
    data = serializers.CharField()  # type: ignore[assignment]
    created_at = serializers.IntegerField()
    updated_at = serializers.IntegerField()
    edited_at = serializers.IntegerField(allow_null=True)
    recalled_at = serializers.IntegerField(allow_null=True)
    reply_to = IdentityField(allow_null=True)
    duplicate = serializers.BooleanField(required=False, help_text="only after sending again")


class HistorySerializer(serializers.Serializer[Any]):
    messages = MessageSerializer(many=True)
    has_before = serializers.BooleanField()
    has_after = serializers.BooleanField()
    last_seq = serializers.IntegerField()
    revision = serializers.IntegerField()
    complete_to = serializers.IntegerField()
