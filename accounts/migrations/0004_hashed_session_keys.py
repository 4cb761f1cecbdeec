"""Session keys become hashes (imsystem/session_store.py): nobody has to sign in again."""

import hashlib
from typing import Any

from django.db import migrations
from django.utils import timezone

RAW = 32  # a key as Django makes it; a stored hash has 40 characters
AT_ONCE = 500


def hash_keys(apps: Any, schema_editor: Any) -> None:
    """Expired sessions go. May be interrupted, and then goes on: a new one is there before the old
    one is deleted."""
    sessions = apps.get_model("sessions", "Session").objects
    sessions.filter(expire_date__lt=timezone.now()).delete()
    rows = list(sessions.values_list("session_key", "session_data", "expire_date"))
    raw = [row for row in rows if len(row[0]) == RAW]
    for start in range(0, len(raw), AT_ONCE):
        part = raw[start : start + AT_ONCE]
        hashed = {hashlib.sha256(key.encode()).hexdigest()[:40]: rest for key, *rest in part}
        there = set(
            sessions.filter(session_key__in=hashed).values_list("session_key", flat=True)
        )
        sessions.bulk_create(
            sessions.model(session_key=key, session_data=data, expire_date=expires)
            for key, (data, expires) in hashed.items()
            if key not in there
        )
        sessions.filter(session_key__in=[key for key, *_rest in part]).delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_language"), ("sessions", "0001_initial")]

    operations = [migrations.RunPython(hash_keys, migrations.RunPython.noop)]
