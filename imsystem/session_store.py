"""Django's sessions in the database, but without the keys that are in the browsers' cookies.

Django stores each key as it is, and the key is all one needs to act as its user: a look at the
collection, or at a backup, was a sign-in. Here the stored key is a hash. The keys are random (165
bits), so a plain hash cannot be reversed.
"""

import hashlib
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

# Each sign-in creates one session and removes as many expired ones: a backlog melts, and no request
# waits for all of it.
CLEARED_AT_ONCE = 50


def stored_key(session_key: str) -> str:
    """Returns what is stored instead of a session's key: 160 bits of its SHA-256, in 40 hex
    digits."""
    return hashlib.sha256(session_key.encode(errors="replace")).hexdigest()[:40]


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        live = Session.objects.filter(expire_date__gt=timezone.now())
        found = live.filter(session_key=stored_key(self.session_key or "")).first()
        if found is None:
            self._session_key = None
        return found

    async def _aget_session_from_db(self) -> Session | None:
        return await sync_to_async(self._get_session_from_db)()

    def exists(self, session_key: str) -> bool:
        return super().exists(stored_key(session_key))

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        instance = super().create_model_instance(data)
        instance.session_key = stored_key(instance.session_key)
        return cast(Session, instance)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        return await sync_to_async(self.create_model_instance)(data)

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            Session.objects.filter(session_key=stored_key(key)).delete()

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

    @classmethod
    def clear_expired(cls) -> None:
        """Deletes some of the sessions that have expired (CLEARED_AT_ONCE)."""
        expired = Session.objects.filter(expire_date__lt=timezone.now())
        keys = list(expired.values_list("session_key", flat=True)[:CLEARED_AT_ONCE])
        if keys:
            Session.objects.filter(session_key__in=keys).delete()

    @classmethod
    async def aclear_expired(cls) -> None:
        await sync_to_async(cls.clear_expired)()
