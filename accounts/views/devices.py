"""The devices a user is signed in on."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import services, sessions
from accounts.clients import client_of, is_phone
from accounts.models import DeviceSession, User
from accounts.pages import sentence, signed_in_user
from accounts.payloads import device
from accounts.selectors import live_sessions_of
from imsystem.clock import now_ms
from imsystem.errors import BadRequest

MINUTE_MS = 60_000


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def devices(request: HttpRequest) -> HttpResponse:
    user, current = signed_in_user(request), sessions.current_session(request)
    if request.method == "POST":
        try:
            messages.success(request, _carry_out(request, user, current))
        except BadRequest as exc:
            messages.error(request, sentence(exc))
        return redirect("accounts:devices")
    rows = [_row(session, current) for session in live_sessions_of(user)]
    rows.sort(key=lambda row: not row["current"])  # this device first, then those used last
    return render(request, "accounts/devices.html", {"devices": rows})


def _carry_out(request: HttpRequest, user: User, current: DeviceSession | None) -> str:
    """Does what the form asks for, and returns the text that says so."""
    action, identity = request.POST.get("action"), request.POST.get("identity", "")
    if action == "rename":
        name = request.POST.get("name", "").strip()
        services.rename_session(user=user, session_identity=identity, name=name)
        return _("Name saved.") if name else _("Name removed.")
    if action == "sign_out_others":
        services.revoke_all(user=user, except_session=current)
        return _("All other devices have been signed out.")
    services.revoke_session(user=user, session_identity=identity)
    return _("The device has been signed out.")


def _row(session: DeviceSession, current: DeviceSession | None) -> dict[str, Any]:
    client = client_of(session.device)
    kind = "phone" if is_phone(client) else "computer" if client.system else "program"
    return {
        **device(session, current=current),
        "kind": kind,
        "used": _moment(session.last_used_at),
        "opened": _moment(session.created_at),
    }


def _moment(at: int) -> dict[str, Any]:
    """Returns a time (Unix ms) as people say it, and exactly."""
    age = now_ms() - at
    when = datetime.fromtimestamp(at / 1000, UTC)
    since = timesince(when, datetime.fromtimestamp((at + age) / 1000, UTC), depth=1)
    ago = _("just now") if age < MINUTE_MS else _("%(time)s ago") % {"time": since}
    return {"when": when, "ago": ago}
