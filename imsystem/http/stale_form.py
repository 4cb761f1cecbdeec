"""What a user sees whose form is refused for its CSRF token: usually a page that was open in one
tab while another one signed in or out. What they wrote is shown, so that it is not lost."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters

from imsystem.errors import Forbidden
from imsystem.http.problems import problem_response

# Only what people write, by the names of the fields: never a password or a code.
WRITTEN = ("data", "name", "info", "nickname", "account", "email", "number")


@sensitive_post_parameters()
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    if request.path.startswith("/api/"):
        return problem_response(Forbidden())
    written = _written(request.POST) if _from_here(request) else []
    context = {"written": written, "back": request.path if _has_page(request) else "/"}
    return render(request, "403_csrf.html", context, status=403)


def _from_here(request: HttpRequest) -> bool:
    """Returns whether the form was on a page of ours. What another site made up is not shown as
    written."""
    origin = request.headers.get("Origin", "")
    host = urlsplit(origin).netloc
    return host == request.get_host() or origin in settings.CSRF_TRUSTED_ORIGINS


def _written(form: QueryDict) -> list[str]:
    texts = (form.get(name, "").strip() for name in WRITTEN)
    return [text for text in texts if text]


def _has_page(request: HttpRequest) -> bool:
    """Returns whether the address can be visited; signing out and the like are forms only."""
    return not request.path.startswith("/i18n/")
