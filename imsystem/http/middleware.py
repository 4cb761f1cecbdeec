"""What no view should have to think of: a database that is down gives 503, not a traceback."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from imsystem.errors import AppError, Unavailable
from imsystem.http.problems import problem_response
from imsystem.outage import is_outage

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class UnavailableMiddleware:
    """Answers 503 with Retry-After when MongoDB or Redis does not answer; pages and API alike.

    It also turns the services' errors into pages, for views that let them through.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        return error_response(request, exc)


def error_response(request: HttpRequest, exc: Exception) -> HttpResponse | None:
    """Returns the answer to an outage or one of the services' errors; None for an unexpected error.

    A middleware that reads a database calls this itself: Django passes on views' errors only.
    """
    if is_outage(exc):
        exc = Unavailable()
    return app_error_response(request, exc) if isinstance(exc, AppError) else None


def app_error_response(request: HttpRequest, exc: AppError) -> HttpResponse:
    """Returns a problem document for the API, otherwise a page."""
    if request.path.startswith("/api/"):
        return problem_response(exc)
    response = render(request, "error.html", {"error": exc}, status=exc.status)
    retry_after = getattr(exc, "retry_after", None)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response
