"""What users and staff may do to jobs."""

from typing import Any, NamedTuple

from imsystem.clock import now_ms
from imsystem.errors import NotFound
from imsystem.jobs.models import Job, State
from imsystem.jobs.store import removal_time


class Progress(NamedTuple):
    """`state` as in models.State; `fraction` from 0 to 1; `text` is the key of a text."""

    state: str
    fraction: float
    text: str


def progress(*, identity: str, user_identity: str) -> Progress:
    """Returns how far a job of this user is. Raises NotFound for other users' jobs, too."""
    fields = ("state", "progress", "progress_text")
    found: Any = Job.objects.filter(pk=identity, owner=user_identity).values_list(*fields).first()
    if found is None or not user_identity:
        raise NotFound
    return Progress(*found)


def cancel(*, identity: str) -> bool:
    """Takes a job that has not ended out of the queue.

    Returns False when it has ended. A running coroutine is interrupted at its next beat (BEAT_S); a
    task in a thread sees `context.cancelled`, and what it returns is not kept.
    """
    change: dict[str, Any] = {"state": State.CANCELLED, "claim": "", "due_at": removal_time()}
    active = Job.objects.filter(pk=identity, state=State.ACTIVE)
    return bool(active.update(**change, updated_at=now_ms()))


def run_again(*, identity: str) -> bool:
    """Queues a job again that failed or was cancelled, with all its tries. Returns False when it is
    neither, or when it is too late for it to be of use."""
    now = now_ms()
    at_rest = Job.objects.filter(pk=identity, state__in=[State.FAILED, State.CANCELLED])
    not_after = at_rest.values_list("not_after", flat=True).first()
    if not_after is not None and not_after <= now:
        return False
    change: dict[str, Any] = {"state": State.ACTIVE, "due_at": now, "run_after": now}
    return bool(at_rest.update(**change, tries=0, claim="", error="", updated_at=now))
