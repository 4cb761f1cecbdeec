"""message_basic."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from imsystem.models import BasicModel
from imsystem.mongo.indexes import UniqueIndex


class Message(BasicModel):
    """A message as stored. The message path reads and writes documents of this shape directly
    (journal.py, selectors.py); this model gives them their indexes and their place in the admin.

    `revision` is 0 until the first edit or recall. A document of kind `void` fills a seq that was
    allocated and never used, so that it never can be; nobody is shown it.
    """

    user_identity = models.CharField(_("sender"), max_length=24)
    room_identity = models.CharField(_("room"), max_length=24)
    seq = models.BigIntegerField()
    revision = models.BigIntegerField(default=0)
    client_id = models.CharField(max_length=64)
    kind = models.CharField(_("kind"), max_length=8, default="text")
    data = models.TextField(_("text"), blank=True)
    reply_to = models.CharField(max_length=24, null=True, default=None)  # noqa: DJ001 -- JSON null
    edited_at = models.BigIntegerField(null=True, default=None)
    recalled_at = models.BigIntegerField(null=True, default=None)

    class Meta:
        db_table = "message_basic"
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            UniqueIndex(fields=["room_identity", "seq"], name="one_message_per_seq"),
            UniqueIndex(
                fields=["room_identity", "user_identity", "client_id"],
                name="one_message_per_client_id",
            ),
            # Partial: a new message has revision 0 and costs this index nothing.
            models.Index(
                fields=["room_identity", "revision"],
                name="changes_of_room",
                condition=models.Q(revision__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_identity}#{self.seq}"
