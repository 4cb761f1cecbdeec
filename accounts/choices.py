"""The words people's settings are described with; no database needed to use them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Audience(models.TextChoices):
    """Whom a person allows something. Contacts are those with whom they have a conversation."""

    EVERYONE = "everyone", _("Everyone")
    CONTACTS = "contacts", _("People I chat with")
    NOBODY = "nobody", _("Nobody")
