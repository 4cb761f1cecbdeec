"""What our collections share: a 24-digit identity as `_id`, and integer millisecond times."""

from typing import Any

from django.db import IntegrityError, models

from imsystem.clock import now_ms
from imsystem.ids import new_identity


class BasicModel(models.Model):
    """identity (stored as `_id`), created_at and updated_at in Unix milliseconds.

    `save()` sets updated_at; queryset.update() does not: name it there.
    """

    identity = models.CharField(
        max_length=24, primary_key=True, default=new_identity, editable=False, db_column="_id"
    )
    created_at = models.BigIntegerField(default=now_ms, editable=False)
    updated_at = models.BigIntegerField(default=now_ms, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.updated_at = now_ms()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "updated_at"}
        try:
            super().save(*args, **kwargs)
        except IntegrityError:
            # The driver sends an insert again when the connection breaks. On the embedded MongoDB
            # the second one can overtake the first, and is told of a duplicate: its own.
            if not (kwargs.get("force_insert") and self._is_stored()):
                raise
            self._state.adding = False

    def _is_stored(self) -> bool:
        """Compares all of it: some identities are derived from others, and two may make the same
        one."""
        mine = {field.attname: getattr(self, field.attname) for field in self._meta.concrete_fields}
        stored = type(self)._base_manager.filter(pk=self.pk).values(*mine).first()
        return bool(stored == mine)
