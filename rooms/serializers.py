"""Shapes of the room API. Rules are in services.py; these check types and describe the schema."""

from typing import Any

from rest_framework import serializers

from accounts.serializers import PublicUserSerializer
from imsystem.http.fields import IdentityField, StrictCharField, StrictIntegerField
from rooms.choices import BanKind, History, JoinRule, Kind, Role
from rooms.services.admission import MAX_MEMBERS_AT_ONCE
from rooms.text import MAX_REASON


class CreateRoomBody(serializers.Serializer[Any]):
    name = StrictCharField()
    info = StrictCharField(required=False, default="", allow_blank=True)
    members = serializers.ListField(
        child=IdentityField(), required=False, default=list, max_length=MAX_MEMBERS_AT_ONCE
    )
    join_rule = serializers.ChoiceField(JoinRule.choices, required=False, default=JoinRule.OPEN)
    history = serializers.ChoiceField(History.choices, required=False, default=History.ALL)


class UpdateRoomBody(serializers.Serializer[Any]):
    name = StrictCharField(required=False)
    info = StrictCharField(required=False, allow_blank=True)
    join_rule = serializers.ChoiceField(JoinRule.choices, required=False)
    history = serializers.ChoiceField(History.choices, required=False)


class PeerBody(serializers.Serializer[Any]):
    user_identity = IdentityField()


class ChangeMemberBody(serializers.Serializer[Any]):
    role = serializers.ChoiceField(Role.choices, required=False)
    muted_until = StrictIntegerField(
        required=False, min_value=0, max_value=2**53 - 1, help_text="Unix ms; 0 unmutes"
    )


class LookupQuery(serializers.Serializer[Any]):
    number = serializers.CharField(max_length=32, help_text="as people type it")


class JoinBody(serializers.Serializer[Any]):
    number = StrictCharField(max_length=32, help_text="as people type it")


class LeaveAddedBody(serializers.Serializer[Any]):
    user_identity = IdentityField(required=False, help_text="only groups this user added me to")
    days = StrictIntegerField(
        required=False, min_value=1, max_value=3_650, help_text="only those of the last days"
    )


class LeftSerializer(serializers.Serializer[Any]):
    left = serializers.IntegerField(help_text="how many groups")


class OwnershipSerializer(serializers.Serializer[Any]):
    owner = PublicUserSerializer()
    offered_to = PublicUserSerializer(allow_null=True, help_text="shown to these two only")
    offered_until = serializers.IntegerField(allow_null=True, help_text="Unix ms")


class AdderSerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer()
    groups = serializers.IntegerField(help_text="how many of the groups I am in")
    added_at = serializers.IntegerField(help_text="Unix ms: the last time")


class AdderListSerializer(serializers.Serializer[Any]):
    results = AdderSerializer(many=True)


class BanBody(serializers.Serializer[Any]):
    reason = StrictCharField(required=False, default="", allow_blank=True, max_length=MAX_REASON)


class RoomCardSerializer(serializers.Serializer[Any]):
    """A group as everybody sees it who knows its number."""

    number = serializers.CharField()
    name = serializers.CharField()
    info = serializers.CharField()
    avatar = serializers.CharField(help_text="path of a picture that can be shown")
    members_count = serializers.IntegerField()
    join_rule = serializers.ChoiceField(JoinRule.choices)
    question = serializers.CharField()


class RoomSummarySerializer(serializers.Serializer[Any]):
    """What all members of a room see alike."""

    identity = IdentityField()
    number = serializers.CharField()
    name = serializers.CharField()
    info = serializers.CharField()
    avatar = serializers.CharField(help_text="path of a picture that can be shown")
    kind = serializers.ChoiceField(Kind.choices)
    join_rule = serializers.ChoiceField(JoinRule.choices, help_text="who gets in by the number")
    history = serializers.ChoiceField(
        History.choices, help_text="what new members can read: all, or only what is sent afterwards"
    )
    user_identity = IdentityField()
    created_at = serializers.IntegerField(help_text="Unix ms")
    updated_at = serializers.IntegerField(help_text="Unix ms")


class RoomSerializer(RoomSummarySerializer):
    """A room as one member sees it."""

    role = serializers.ChoiceField(Role.choices)
    last_seq = serializers.IntegerField()
    revision = serializers.IntegerField()
    read_seq = serializers.IntegerField()
    unread = serializers.IntegerField(
        help_text="others' messages after read_seq that were not recalled"
    )
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
    lookalike = serializers.BooleanField(
        required=False, help_text="in lists: true if the name can be taken for another member's"
    )


class MemberListSerializer(serializers.Serializer[Any]):
    results = MemberSerializer(many=True)


class BanSerializer(serializers.Serializer[Any]):
    user = PublicUserSerializer()
    kind = serializers.ChoiceField(
        BanKind.choices, help_text="kick: can be added again; ban: must be lifted first"
    )
    reason = serializers.CharField(allow_blank=True)
    actor_identity = IdentityField(help_text="who removed them")
    created_at = serializers.IntegerField(help_text="Unix ms")


class BanListSerializer(serializers.Serializer[Any]):
    results = BanSerializer(many=True)
