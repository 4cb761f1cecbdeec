"""A cookie is worth something only as long as its device session lives."""

from collections.abc import Callable

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseBase

from accounts.errors import BadCredentials
from accounts.sessions import browser_device_session, follow_sign_out, is_signed_in, touch
from accounts.trusted_devices import add_cookie, trust
from imsystem.http.middleware import error_response

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# Pictures are the same for everybody. This saves three queries for each on a page of new users, and
# `Vary: Cookie`, which would prevent shared caches from keeping them.
PUBLIC = "/avatars/"


class DeviceSessionMiddleware:
    """Sets `request.device_session` and makes a request with a revoked one anonymous, everywhere.

    Comes after AuthenticationMiddleware. Costs nothing where no cookie was sent.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.device_session = None  # type: ignore[attr-defined]
        try:
            if not request.path_info.startswith(PUBLIC) and is_signed_in(request.session):
                self._check(request)
            response = self.get_response(request)
            follow_sign_out(request)
            add_cookie(request, response)
        except Exception as exc:
            request.user = AnonymousUser()  # the error page must not ask again
            answer = error_response(request, exc)
            if answer is None:
                raise
            return answer
        return response

    def _check(self, request: HttpRequest) -> None:
        try:
            session = browser_device_session(request)
        except BadCredentials:  # the password changed between Django's login and this request
            session = None
        if session is None:
            request.session.flush()
            request.user = AnonymousUser()
            return
        request.device_session = session  # type: ignore[attr-defined]
        request.user = session.user
        if touch(session):
            request.session.modified = True  # a user who comes back keeps the cookies
            trust(request, session.user)
