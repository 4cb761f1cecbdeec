"""message_basic and message_edit."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from imsystem.models import BasicModel
from imsystem.mongo.indexes import UniqueIndex


class Message(BasicModel):
    """A message as stored. The message path reads and writes documents of this shape directly
    (journal.py, changes.py, selectors.py); this model gives them their indexes and their place in
    the admin.

    `revision` is 0 until the first change. A document of kind `void` fills a seq that was allocated
    and never used, so that nothing else can take it; nobody is shown it.
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


class Edit(BasicModel):
    """An earlier text of a message: what it said at `revision`, before a change replaced it.

    `created_at` is when the text was written, `updated_at` when it was replaced, `changed_by` who
    replaced it and `user_identity` who wrote the message. `recalled_at` is set once the message is
    recalled; such texts are there only for KEEP_RECALLED_DAYS (edits.py). A text whose revision is
    not below that of its message is the present one: a backup may hold both.
    """

    message_identity = models.CharField(_("message"), max_length=24)
    room_identity = models.CharField(_("room"), max_length=24)
    user_identity = models.CharField(_("sender"), max_length=24)
    seq = models.BigIntegerField()
    revision = models.BigIntegerField()
    kind = models.CharField(_("kind"), max_length=8)
    data = models.TextField(_("text"), blank=True)
    changed_by = models.CharField(_("changed by"), max_length=24)
    recalled_at = models.BigIntegerField(null=True, default=None)

    class Meta:
        db_table = "message_edit"
        verbose_name = _("earlier text")
        verbose_name_plural = _("earlier texts")
        indexes = [
            models.Index(fields=["message_identity", "revision"], name="edits_of_message"),
            models.Index(fields=["user_identity"], name="edits_of_user"),
            models.Index(
                fields=["recalled_at"],
                name="edits_to_expire",
                condition=models.Q(recalled_at__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_identity}#{self.seq}@{self.revision}"
