"""The devices a user is signed in on."""

from accounts import sessions
from accounts.models import DeviceSession, User
from accounts.policies import valid_device_name
from accounts.selectors import live_session, live_sessions_of
from imsystem.clock import now_ms
from imsystem.errors import NotFound


def rename_session(*, user: User, session_identity: str, name: str) -> DeviceSession:
    """Names one of the user's own devices; "" removes the name. Raises NotFound for all others."""
    session = _own(user, session_identity)
    session.name = valid_device_name(name)
    still = DeviceSession.objects.filter(pk=session.pk, revoked_at=None)
    if still.update(name=session.name, updated_at=now_ms()) != 1:
        raise NotFound
    return session


def revoke_session(*, user: User, session_identity: str) -> None:
    """Ends one of the user's own device sessions. Raises NotFound for all others."""
    sessions.revoke([_own(user, session_identity).identity])


def revoke_all(*, user: User, except_session: DeviceSession | None = None) -> None:
    """Ends all of the user's device sessions, or all but one."""
    live = set(live_sessions_of(user).values_list("pk", flat=True))
    sessions.revoke(live - {except_session.identity if except_session else ""})


def _own(user: User, session_identity: str) -> DeviceSession:
    session = live_session(session_identity=session_identity, user=user)
    if session is None:
        raise NotFound
    return session
