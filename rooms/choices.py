"""The words rooms are described with; no database needed to use them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    DIRECT = "direct", _("Direct")
    GROUP = "group", _("Group")


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")


class JoinRule(models.TextChoices):
    """Who gets into a group by its number."""

    OPEN = "open", _("Anyone with the group number can join")
    INVITE = "invite", _("Only people added by the owner or an admin")


class History(models.TextChoices):
    """What a new member may read of what was said before."""

    ALL = "all", _("New members can read everything")
    JOINED = "joined", _("New members can read only what is sent after they join")


class BanKind(models.TextChoices):
    """What somebody who was removed may do: a kicked person waits to be added again, a banned one
    cannot be added either."""

    KICK = "kick", _("Removed")
    BAN = "ban", _("Banned")
