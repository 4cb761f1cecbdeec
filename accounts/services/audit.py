"""Entries about what staff have read."""

import logging
from collections.abc import Sequence

from accounts.models import AuditEntry, User

logger = logging.getLogger(__name__)


def record_reading(
    *, actor: User, action: str, what: str, subject: str, about: Sequence[str]
) -> None:
    """Stores, and logs, that `actor` has read `what` (a model): identities only, never content.

    `subject` is the only object that was opened or searched for, `about` are the rooms or users
    whose data was shown.
    """
    distinct = list(dict.fromkeys(about))
    AuditEntry(
        actor_identity=actor.pk,
        action=action,
        what=what,
        subject=subject,
        about=" ".join(distinct),
        shown=len(about),
    ).save(force_insert=True)
    told = f"{action} {subject}".strip()
    counts = (len(about), len(distinct))
    logger.info("%s read %s (%s), %d objects of %d rooms or users", actor.pk, what, told, *counts)
