"""The devices a person is signed in on."""

from accounts import sessions
from accounts.models import DeviceSession, User
from accounts.selectors import live_sessions_of
from imsystem.errors import NotFound
from imsystem.ids import is_identity


def revoke_session(*, user: User, session_identity: str) -> None:
    """Ends one of the user's own device sessions; NotFound for everybody else's."""
    own = live_sessions_of(user).filter(pk=session_identity)
    if not is_identity(session_identity) or not own.exists():
        raise NotFound
    sessions.revoke([session_identity])


def revoke_all(*, user: User, except_session: DeviceSession | None = None) -> None:
    """Ends all of the user's device sessions, or all but one."""
    live = set(live_sessions_of(user).values_list("pk", flat=True))
    sessions.revoke(live - {except_session.identity if except_session else ""})
