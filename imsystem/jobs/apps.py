"""The app that owns the collection `job`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "imsystem.jobs"
    label = "jobs"
    verbose_name = _("Background jobs")

    def ready(self) -> None:
        from imsystem.backup.plan import provide_readers
        from imsystem.jobs.backup import JobReader
        from imsystem.jobs.chores import provide_chore
        from imsystem.jobs.models import Job
        from imsystem.jobs.store import remove_expired

        provide_readers(lambda: {Job._meta.db_table: JobReader()})
        provide_chore(remove_expired)
