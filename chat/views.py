"""The chat page: rooms at the side, one conversation. Also works, plainly, without JavaScript."""

import re
from secrets import token_hex

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.pages import sentence, signed_in_user
from chat import pages, services
from imsystem.errors import AppError, NotFound
from imsystem.loops import run_on_loop

FORM_ID = re.compile(r"[0-9a-f]{32}")


@never_cache
@login_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "chat/index.html", pages.list_context(signed_in_user(request)))


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def room(request: HttpRequest, identity: str) -> HttpResponse:
    user = signed_in_user(request)
    if request.method == "POST":
        return _send(request, user.identity, identity)
    return render(request, "chat/room.html", pages.room_context(user, identity, _position(request)))


def _position(request: HttpRequest) -> pages.Position | None:
    """?before=, ?after= or ?around= a seq; None to start where the reader left off."""
    for name in ("before", "after", "around"):
        text = request.GET.get(name, "")
        if text.isascii() and text.isdigit() and len(text) <= 15:
            return {name: int(text)}
    return None


def _client_id(request: HttpRequest) -> str:
    """The form's own id: sending the same form twice makes one message."""
    sent = request.POST.get("client_id", "")
    return sent if FORM_ID.fullmatch(sent) else token_hex(16)


def _send(request: HttpRequest, user_identity: str, room_identity: str) -> HttpResponse:
    """The composer's form when no script runs it."""
    try:
        services.WRITES.take(user_identity)
        run_on_loop(
            services.send_message(
                user_identity=user_identity,
                room_identity=room_identity,
                client_id=_client_id(request),
                # Browsers send the line breaks of a form as CR LF.
                data=request.POST.get("data", "").replace("\r\n", "\n"),
            )
        )
    except NotFound:
        raise
    except AppError as exc:
        messages.error(request, sentence(exc))
    return redirect("chat:room", room_identity)
