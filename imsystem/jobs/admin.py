"""Jobs in Django admin: what failed, and "run again"."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from imsystem.admin import ReadOnlyAdmin, local_time
from imsystem.jobs import services
from imsystem.jobs.models import Job


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Arguments are not shown: those of mails hold codes and addresses."""

    list_display = ("queue", "task", "state", "tries", "error", "created", "due")
    list_filter = ("state", "queue")
    ordering = ("-created_at",)
    exact_search = ("pk", "owner")
    fields = (
        *("identity", "queue", "task", "state", "tries", "error", "progress"),
        *("created", "due", "too_late_after"),
    )
    readonly_fields = fields
    actions = ("run_again", "cancel")

    @admin.display(description=_("due or removed at"), ordering="due_at")
    def due(self, job: Job) -> str:
        return local_time(job.due_at)

    @admin.display(description=_("too late after"))
    def too_late_after(self, job: Job) -> str:
        return local_time(job.not_after)

    def has_superuser_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.is_active and user.is_superuser)

    @admin.action(description=_("Run again"), permissions=["superuser"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        chosen = list(queryset)
        queued = [job for job in chosen if services.run_again(identity=job.pk)]
        for job in queued:
            self.log_change(request, job, gettext("Run again."))
        told = gettext("Jobs queued again: %(queued)d. Not possible or too late: %(rest)d.")
        counts = {"queued": len(queued), "rest": len(chosen) - len(queued)}
        level = messages.SUCCESS if queued else messages.WARNING
        self.message_user(request, told % counts, level)

    @admin.action(description=_("Cancel"), permissions=["superuser"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        cancelled = [job for job in list(queryset) if services.cancel(identity=job.pk)]
        for job in cancelled:
            self.log_change(request, job, gettext("Cancelled."))
        told = gettext("Jobs cancelled: %(count)d.")
        self.message_user(request, told % {"count": len(cancelled)})
