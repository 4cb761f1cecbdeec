"""The values of users' settings; using them needs no database."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Audience(models.TextChoices):
    """Whom a user allows something. Contacts are users they have a conversation with."""

    EVERYONE = "everyone", _("Everyone")
    CONTACTS = "contacts", _("People I chat with")
    NOBODY = "nobody", _("Nobody")
