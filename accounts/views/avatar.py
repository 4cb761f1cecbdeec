"""Pictures: setting one's own, and showing everybody's."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import redirect
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import services
from accounts.default_avatar import drawing
from accounts.pages import sentence, signed_in_user
from accounts.selectors import picture
from accounts.uploads import MAX_BODY_BYTES, TOO_LARGE, picture_in_form
from imsystem.errors import AppError
from imsystem.http.body_limit import takes_uploads


@takes_uploads(MAX_BODY_BYTES, TOO_LARGE)
@never_cache
@login_required
@require_POST
def change(request: HttpRequest) -> HttpResponse:
    """Handles the two forms of the profile page: a new picture, or none any more
    (`action=remove`)."""
    user = signed_in_user(request)
    try:
        if request.POST.get("action") == "remove":
            services.remove_avatar(user=user)
            messages.success(request, _("Profile picture removed."))
        else:
            services.set_avatar(user=user, data=picture_in_form(request.FILES))
            messages.success(request, _("Profile picture changed."))
    except AppError as exc:
        messages.error(request, sentence(exc))
    return redirect("accounts:profile")


@require_safe
def uploaded(request: HttpRequest, identity: str) -> HttpResponse:
    """Open to everybody who has the address, which cannot be guessed."""
    return _image(request, picture(identity), "image/webp", identity)


@require_safe
def initial(request: HttpRequest, name: str) -> HttpResponse:
    svg = drawing(name)
    return _image(request, None if svg is None else svg.encode(), "image/svg+xml", name)


def _image(request: HttpRequest, data: bytes | None, kind: str, tag: str) -> HttpResponse:
    """An address never shows another picture, so it is cached for ever; a missing one is not."""
    if data is None:
        return HttpResponseNotFound(
            content_type="text/plain", headers={"Cache-Control": "no-cache"}
        )
    found = HttpResponse(data, kind)
    found["Cache-Control"] = "public, max-age=31536000, immutable"
    found["ETag"] = f'"{tag}"'
    response = get_conditional_response(request, etag=found["ETag"], response=found) or found
    # Opened as a page of its own it is a picture and nothing else, whatever is in it.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
