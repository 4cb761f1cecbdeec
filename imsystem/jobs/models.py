"""The collection `job`."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from imsystem.models import BasicModel


class State(models.TextChoices):
    ACTIVE = "active", _("waiting or running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class Job(BasicModel):
    """One piece of work.

    `due_at` (Unix ms) says when something has to happen to the job next: an active one may be
    claimed then (its start, its next try, or the end of the lease of the process that runs it),
    any other is removed then. One index therefore serves every question the runner asks.
    """

    task = models.CharField(_("task"), max_length=200)
    queue = models.CharField(_("queue"), max_length=32)
    state = models.CharField(
        _("state"), max_length=9, choices=State.choices, default=State.ACTIVE.value
    )
    due_at = models.BigIntegerField(_("due"))
    run_after = models.BigIntegerField(_("not before"))
    # An active job that is still waiting at this time is given up.
    not_after = models.BigIntegerField(_("not after"), null=True, default=None)
    # The runs that were begun. A job that kills its process each time ends by this number, too.
    tries = models.IntegerField(_("tries"), default=0)
    # Names one run of one process; empty while nobody runs the job.
    claim = models.CharField(max_length=24, blank=True, default="")
    # JSON {args, kwargs}; encrypted when `secret` is true.
    payload = models.TextField()
    secret = models.BooleanField(default=False)
    # The user who may see progress and result; empty for work of the system.
    owner = models.CharField(max_length=24, blank=True, default="")
    progress = models.FloatField(_("progress"), default=0.0)
    progress_text = models.CharField(max_length=64, blank=True, default="")
    result = models.TextField(blank=True, default="")
    # A class of exception, or a reason in the words of a task: never text from outside.
    error = models.CharField(_("error"), max_length=200, blank=True, default="")

    class Meta:
        db_table = "job"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "queue", "due_at"], name="job_due")
        ]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")

    def __str__(self) -> str:
        return f"{self.task} {self.pk}"
