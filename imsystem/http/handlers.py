"""Django's own errors (no such address, a bad Host, a crash): documents for the API, pages
otherwise."""

import logging
from typing import NoReturn

from django.core.exceptions import DisallowedHost
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.views import defaults

from imsystem.errors import AppError, BadRequest, NotFound
from imsystem.http.problems import problem_response
from imsystem.ops.logs import Seldom

# The operator wonders about the 400, but a scanner with made-up names must not fill the log.
_of_hosts = Seldom(logging.getLogger(__name__))


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if isinstance(exception, DisallowedHost):
        _of_hosts.warning("%s", exception)
    if _is_api(request):
        return problem_response(BadRequest())
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_api(request):
        return problem_response(NotFound())
    if request.method in ("GET", "HEAD") and _is_page(f"{request.path_info}/"):
        path, question_mark, query = request.get_full_path().partition("?")
        return redirect(f"{path}/{question_mark}{query}")
    return defaults.page_not_found(request, exception)


def _is_page(path: str) -> bool:
    """Returns whether the address that somebody typed without its final slash is a page with it."""
    try:
        found = resolve(path)
    except Resolver404:
        return False
    # The admin answers everything below it: its own pages are those with a name.
    return not path.startswith("//") and found.url_name is not None


def server_error(request: HttpRequest) -> HttpResponseBase:
    if _is_api(request):
        return problem_response(AppError())
    return defaults.server_error(request)


def nothing(request: HttpRequest, rest: str) -> NoReturn:
    """A route of a library that we have no use for."""
    raise Http404
