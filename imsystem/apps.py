"""App configurations: ours, and the contrib apps' with ObjectId keys (MongoDB has no AutoField)."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class MongoAdminConfig(AdminConfig):
    default_site = "imsystem.admin_site.Site"
    default_auto_field = OBJECT_ID


class MongoAuthConfig(AuthConfig):
    default_auto_field = OBJECT_ID


class MongoContentTypesConfig(ContentTypesConfig):
    default_auto_field = OBJECT_ID


class ImsystemConfig(AppConfig):
    name = "imsystem"

    def ready(self) -> None:
        from imsystem.health import checks  # noqa: F401 -- registers the system checks


class MailConfig(AppConfig):
    name = "imsystem.mail"
    label = "mail"

    def ready(self) -> None:
        from imsystem.jobs.chores import provide_chore
        from imsystem.mail import handover

        provide_chore(handover.hand_over, every_s=handover.EVERY_S)
