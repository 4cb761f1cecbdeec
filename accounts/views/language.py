"""The language menu at the foot of each page."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.i18n import set_language as django_set_language

from accounts.models import User
from accounts.services import update_profile
from imsystem.errors import BadRequest


def set_language(request: HttpRequest) -> HttpResponse:
    """Django's view, which remembers it in a cookie. A signed-in user's account keeps it too, for
    their mails."""
    response = django_set_language(request)
    chosen = request.POST.get("language", "")
    if isinstance(request.user, User) and chosen not in ("", request.user.language):
        try:
            update_profile(user=request.user, language=chosen)
        except BadRequest:  # Django ignores what is not a language of ours, and so do we
            return response
    return response


def remember_language(response: HttpResponse, language: str) -> None:
    """Makes the pages follow a language that was chosen elsewhere than in the menu."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",  # as settings.LANGUAGE_COOKIE_SAMESITE
    )
