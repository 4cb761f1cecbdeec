"""Devices I am signed in on."""

from datetime import UTC, datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import services, sessions
from accounts.pages import signed_in_user
from accounts.payloads import device
from accounts.selectors import live_sessions_of


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def devices(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    if request.method == "POST":
        services.revoke_session(user=user, session_identity=request.POST.get("identity", ""))
        messages.success(request, _("The device is signed out."))
        return redirect("accounts:devices")
    current = sessions.current_session(request)
    rows = [
        {
            **device(session, current=current),
            "last_used": datetime.fromtimestamp(session.last_used_at / 1000, UTC),
        }
        for session in live_sessions_of(user)
    ]
    return render(request, "accounts/devices.html", {"devices": rows})
