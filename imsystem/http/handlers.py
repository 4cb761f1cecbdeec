"""Django's own errors (no such address, a bad Host, a crash): documents for the API, else pages."""

from typing import NoReturn

from django.http import Http404, HttpRequest, HttpResponseBase
from django.views import defaults

from imsystem.errors import AppError, BadRequest, NotFound
from imsystem.http.problems import problem_response


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_api(request):
        return problem_response(BadRequest())
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_api(request):
        return problem_response(NotFound())
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    if _is_api(request):
        return problem_response(AppError())
    return defaults.server_error(request)


def nothing(request: HttpRequest, rest: str) -> NoReturn:
    """A route of a library that we have no use for."""
    raise Http404
