"""Settings for `makemigrations --check` (make lint): it would ask a database for its history."""

from imsystem.settings import *  # noqa: F403

DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
