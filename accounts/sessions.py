"""Device sessions: one document for each sign-in, whether it holds tokens or a browser cookie."""

from collections.abc import Iterable

from django.contrib import auth
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts import known_devices, known_sources, mails, trusted_devices
from accounts.errors import BadCredentials
from accounts.models import DeviceSession, User
from accounts.selectors import live_session
from imsystem.clock import now_ms
from imsystem.realtime.publish import close_sockets
from imsystem.sources import address_of, source_of

DEVICE_SESSION_KEY = "device_session"  # in Django's session
# last_used_at is for people; a write at every page view would be too much.
TOUCH_AFTER_MS = 10 * 60 * 1000


def client_ip(request: HttpRequest) -> str:
    """Returns the peer's address, "" when it has none. X-Forwarded-For is the server's business: it
    knows its proxies."""
    return address_of(str(request.META.get("REMOTE_ADDR", "")))


def device_name(request: HttpRequest) -> str:
    """Returns what the client calls itself, made printable."""
    name = request.headers.get("User-Agent", "")
    return "".join(char for char in name if char.isprintable())[:200]


def open_session(session: DeviceSession) -> DeviceSession:
    """Stores a new device session of a user who was just verified, tells them by mail of a device
    they were never signed in on, and removes sessions that are no longer useful.

    Raises BadCredentials when the password changed or the account was deactivated meanwhile: the
    change revokes the sessions it finds, and this one may have come too late to be found.
    """
    user, session.last_used_at = session.user, now_ms()
    earlier = list(DeviceSession.objects.filter(user=user))
    if known_devices.is_new(session, earlier):
        # Before the session is stored: if the mail cannot be queued there is no sign-in either, and
        # the device is still new when it tries again.
        _tell_of(session)
    session.save(force_insert=True)
    if not User.objects.filter(
        pk=user.pk, password_set_at=user.password_set_at, is_active=True
    ).exists():
        revoke([session.identity])
        raise BadCredentials
    known_sources.remember(user, source_of(session.ip))
    _clear_away(session, earlier)
    return session


def _tell_of(session: DeviceSession) -> None:
    now = now_ms()
    with known_devices.next_notice(session.user_id, now=now) as due_in_s:
        if due_in_s is not None:
            mails.send_new_device(
                session.user, device=session.device, ip=session.ip, at=now, due_in_s=due_in_s
            )


def _clear_away(session: DeviceSession, earlier: list[DeviceSession]) -> None:
    revoke(known_devices.surplus(session, earlier))
    forgettable = known_devices.forgettable(earlier, now=now_ms())
    if forgettable:
        DeviceSession.objects.filter(pk__in=forgettable).delete()


def open_browser_session(request: HttpRequest, user: User) -> DeviceSession:
    """Signs the browser in: a device session and Django's login (new session key, cookie).

    A user who was signed in here before is signed out.
    """
    before = current_session(request)
    session = open_session(_session_of_browser(request, user))
    auth.login(request, user, backend="accounts.backends.AccountBackend")
    _bind(request, session)
    if before is not None:
        revoke([before.identity])
    request.session.clear_expired()
    return session


def close_browser_session(request: HttpRequest) -> None:
    """Signs the browser out: empties Django's session and revokes the device session."""
    auth.logout(request)
    follow_sign_out(request)


def follow_sign_out(request: HttpRequest) -> None:
    """Revokes the device session of a browser that is now signed out (the admin's button too)."""
    session = current_session(request)
    if session is not None and not is_signed_in(request.session):
        revoke([session.identity])
        request.device_session = None  # type: ignore[attr-defined]


def renew_browser_session(request: HttpRequest, user: User) -> None:
    """After a change of password: this browser stays signed in, with a new session key."""
    if DEVICE_SESSION_KEY in request.session:
        auth.update_session_auth_hash(request, user)


def browser_device_session(request: HttpRequest) -> DeviceSession | None:
    """Returns the live device session of a browser's cookie; None when there is none (any more).

    Needs `request.session` only, so that the socket's handshake can use it. A session that Django's
    own login made (the admin's form) gets its device session here.
    """
    user = auth.get_user(request)
    if not isinstance(user, User):
        return None
    identity = request.session.get(DEVICE_SESSION_KEY)
    if identity is None:
        session = open_session(_session_of_browser(request, user))
        _bind(request, session)
        return session
    return live_session(session_identity=identity, user=user)


def is_signed_in(session: SessionBase) -> bool:
    """Returns whether Django's session says that somebody signed in. Reads it at most once."""
    return SESSION_KEY in session


def current_session(request: HttpRequest) -> DeviceSession | None:
    """Returns the device session of the request's cookie (set by DeviceSessionMiddleware)."""
    session: DeviceSession | None = getattr(request, "device_session", None)
    return session


def touch(session: DeviceSession) -> bool:
    """Notes that the session is in use, at most once in ten minutes. Returns True when it did."""
    now = now_ms()
    if now - session.last_used_at <= TOUCH_AFTER_MS:
        return False
    DeviceSession.objects.filter(pk=session.pk).update(last_used_at=now)
    return True


def rotate(session: DeviceSession, *, used: str, new: str) -> bool:
    """Exchanges the only refresh token id that is valid. Returns False when `used` was not (any
    more)."""
    now = now_ms()
    good = DeviceSession.objects.filter(pk=session.pk, refresh_hash=used, revoked_at=None)
    changed = good.update(refresh_hash=new, rotated_from=used, last_used_at=now, updated_at=now)
    return changed == 1


def revoke(identities: Iterable[str]) -> None:
    """Ends these device sessions: tokens, cookies, and live sockets in every process.

    Closes sockets of sessions that had ended before, too: the message to them may have been lost.
    """
    wanted, now = list(identities), now_ms()
    live = DeviceSession.objects.filter(pk__in=wanted, revoked_at=None)
    live.update(revoked_at=now, updated_at=now)
    if wanted:
        close_sockets(*wanted)


def _session_of_browser(request: HttpRequest, user: User) -> DeviceSession:
    return DeviceSession(user=user, device=device_name(request), ip=client_ip(request))


def _bind(request: HttpRequest, session: DeviceSession) -> None:
    request.session[DEVICE_SESSION_KEY] = session.identity
    request.device_session = session  # type: ignore[attr-defined]
    trusted_devices.trust(request, session.user)
