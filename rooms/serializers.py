"""Shapes of the room API. Rules are in services.py; these check types and describe the schema."""

from typing import Any

from rest_framework import serializers

from accounts.serializers import PublicUserSerializer
from imsystem.http.fields import IdentityField, StrictCharField, StrictIntegerField
from rooms.choices import Kind, Role
from rooms.services import MAX_MEMBERS_AT_ONCE


class CreateRoomBody(serializers.Serializer[Any]):
    name = StrictCharField()
    info = StrictCharField(required=False, default="", allow_blank=True)
    members = serializers.ListField(
        child=IdentityField(), required=False, default=list, max_length=MAX_MEMBERS_AT_ONCE
    )


class UpdateRoomBody(serializers.Serializer[Any]):
    name = StrictCharField(required=False)
    info = StrictCharField(required=False, allow_blank=True)


class PeerBody(serializers.Serializer[Any]):
    user_identity = IdentityField()


class ChangeMemberBody(serializers.Serializer[Any]):
    role = serializers.ChoiceField(Role.choices, required=False)
    muted_until = StrictIntegerField(
        required=False, min_value=0, max_value=2**53 - 1, help_text="Unix ms; 0 unmutes"
    )


class LookupQuery(serializers.Serializer[Any]):
    number = serializers.CharField(max_length=32)


class RoomSummarySerializer(serializers.Serializer[Any]):
    """A room as everybody sees it who knows its number."""

    identity = IdentityField()
    number = serializers.CharField()
    name = serializers.CharField()
    info = serializers.CharField()
    avatar = serializers.CharField(help_text="path of a picture that can be shown")
    kind = serializers.ChoiceField(Kind.choices)
    user_identity = IdentityField()
    created_at = serializers.IntegerField(help_text="Unix ms")
    updated_at = serializers.IntegerField(help_text="Unix ms")


class RoomSerializer(RoomSummarySerializer):
    """A room as one member sees it."""

    role = serializers.ChoiceField(Role.choices)
    last_seq = serializers.IntegerField()
    revision = serializers.IntegerField()
    read_seq = serializers.IntegerField()
    unread = serializers.IntegerField()
    last_message = serializers.DictField(allow_null=True)
    peer = PublicUserSerializer(required=False, help_text="direct rooms: the other person")
    online = serializers.BooleanField(
        required=False, allow_null=True, help_text="direct rooms: whether they are; null: hidden"
    )


class RoomListSerializer(serializers.Serializer[Any]):
    results = RoomSerializer(many=True)


class MemberSerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer()
    role = serializers.ChoiceField(Role.choices)
    joined_seq = serializers.IntegerField()
    read_seq = serializers.IntegerField(
        allow_null=True, help_text="null: read receipts are off, theirs or mine"
    )
    muted_until = serializers.IntegerField(help_text="Unix ms; 0: not muted")
    created_at = serializers.IntegerField(help_text="Unix ms")


class MemberListSerializer(serializers.Serializer[Any]):
    results = MemberSerializer(many=True)
