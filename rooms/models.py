"""room_basic and user_room."""

import secrets

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from imsystem.models import BasicModel
from imsystem.mongo.indexes import UniqueIndex
from rooms.choices import BanKind, History, JoinRule, Kind, Role


def new_number() -> str:
    """A random room number of 8 digits: easy to say, and the next one cannot be guessed."""
    return str(10_000_000 + secrets.randbelow(90_000_000))


class Room(BasicModel):
    """A conversation. For direct rooms the identity is made from the two members (identity.py).

    `last_seq` is a checkpoint written a few seconds behind, where the search for the real head
    starts (chat/sequence.py). `revision` is exact: it changes in one transaction with the message.
    """

    number = models.CharField(_("number"), max_length=9, default=new_number)
    name = models.CharField(_("name"), max_length=64, blank=True)
    info = models.CharField(_("description"), max_length=500, blank=True)
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        db_column="user_identity",
        db_index=False,
        related_name="+",
        verbose_name=_("creator"),
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    join_rule = models.CharField(
        _("who can join"), max_length=8, choices=JoinRule.choices, default=JoinRule.OPEN
    )
    history = models.CharField(
        _("history"), max_length=8, choices=History.choices, default=History.ALL
    )
    last_seq = models.BigIntegerField(default=0, editable=False)
    revision = models.BigIntegerField(default=0, editable=False)

    class Meta:
        db_table = "room_basic"
        indexes = [UniqueIndex(fields=["number"], name="one_room_per_number")]
        verbose_name = _("room")
        verbose_name_plural = _("rooms")

    def __str__(self) -> str:
        return self.name or self.number


class Departure(BasicModel):
    """That a user is no longer in a room, noted before the membership goes.

    Who asks for all they ever wrote (chat/export.py) is in some rooms, and was in these. An index
    of messages by user would do too, and slow every insert: by 15 % on SecantusDB 0.7.
    """

    user_identity = models.CharField(max_length=24, db_index=True)
    room_identity = models.CharField(max_length=24)
    # As in Member: leaving and coming back does not end a mute.
    muted_until = models.BigIntegerField(default=0)
    muted_at = models.BigIntegerField(default=0)

    class Meta:
        db_table = "room_departure"
        verbose_name = _("former member")
        verbose_name_plural = _("former members")

    def __str__(self) -> str:
        return f"{self.user_identity} from {self.room_identity}"


class Ban(BasicModel):
    """Somebody who was removed from a room and does not get back in by themselves.

    `actor_identity` is who did it. The row is written before the membership goes, and joining looks
    for it again afterwards: whatever happens at the same moment, one of the two sees the other.
    """

    room_identity = models.CharField(max_length=24)
    user_identity = models.CharField(max_length=24, db_index=True)
    actor_identity = models.CharField(max_length=24)
    kind = models.CharField(max_length=8, choices=BanKind.choices)
    reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "room_ban"
        verbose_name = _("ban")
        verbose_name_plural = _("bans")
        indexes = [UniqueIndex(fields=["room_identity", "user_identity"], name="one_ban_per_room")]

    def __str__(self) -> str:
        return f"{self.user_identity} from {self.room_identity}"


class Member(BasicModel):
    """A user in a room, and how far they have read.

    `message_identity` is the last read message (seed.txt's field), `read_seq` its number.
    `muted_until` is Unix milliseconds, 0 for not muted; `muted_at` grows each time that is changed,
    and tells which of two mutes is the later one (services/departures.py). Messages up to
    `floor_seq` are not for them: they were sent before they came (policies.floor_of), or before
    they deleted their side of a conversation, which sets `hidden` and `cleared_seq`
    (services/direct.py). `added_by` is the user who put them here, "" if they came by themselves.
    The last six fields say how a member became the owner of a group, and who is to be the next one
    (services/ownership.py).
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, db_column="user_identity", related_name="+"
    )
    room = models.ForeignKey(
        Room, models.CASCADE, db_column="room_identity", related_name="members", db_index=False
    )
    message_identity = models.CharField(max_length=24, blank=True, default="")
    role = models.CharField(_("role"), max_length=8, choices=Role.choices, default=Role.MEMBER)
    read_seq = models.BigIntegerField(default=0)
    joined_seq = models.BigIntegerField(default=0)
    floor_seq = models.BigIntegerField(default=0)
    hidden = models.BooleanField(default=False)
    cleared_seq = models.BigIntegerField(default=0)
    muted_until = models.BigIntegerField(_("muted until"), default=0)
    muted_at = models.BigIntegerField(default=0)
    added_by = models.CharField(max_length=24, blank=True, default="")
    owner_since = models.BigIntegerField(default=0)
    inherited = models.BooleanField(default=False)
    offers_to = models.CharField(max_length=24, blank=True, default="")
    offers_until = models.BigIntegerField(default=0)
    passing_to = models.CharField(max_length=24, blank=True, default="")
    passing_at = models.BigIntegerField(default=0)

    class Meta:
        db_table = "user_room"
        verbose_name = _("member")
        verbose_name_plural = _("members")
        indexes = [UniqueIndex(fields=["room", "user"], name="one_membership_per_room")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id}"

    @property
    def unread_after(self) -> int:
        """The seq after which others' messages are unread."""
        return max(self.read_seq, self.joined_seq, self.cleared_seq)

    def is_out_of_sight(self, last_seq: int) -> bool:
        """Whether they deleted the conversation and nothing has been said since."""
        return self.hidden and last_seq <= self.cleared_seq
