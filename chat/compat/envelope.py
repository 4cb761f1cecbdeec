"""The original's answers: always HTTP 200, with {"code": 200 or -1, "msg", "data"?}."""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from chat.compat import texts
from imsystem.errors import AppError, BadRequest, RateLimited
from imsystem.outage import is_outage

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest], HttpResponse]

# What a form can be that Django does not take: too large, too many fields, broken multipart.
_BAD_FORM = (SuspiciousOperation, MultiPartParserError)


class Refused(Exception):
    """A refusal in the words of the original."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()


def done(text: str, data: Any = None) -> JsonResponse:
    """{"code": 200, "msg": text}, with "data" when there is some."""
    body = {"code": 200, "msg": text}
    return _json(body if data is None else {**body, "data": data})


def _json(body: Mapping[str, Any]) -> JsonResponse:
    return JsonResponse(body, json_dumps_params={"ensure_ascii": False})


def route(method: str, *, broken: str, **said: str) -> Callable[[View], View]:
    """Decorator: a view for one method whose every error becomes an answer of the original.

    `said` gives the sentences for codes of AppError; whatever has none there is told as `broken`.
    """
    sentences = {
        "not_authenticated": texts.NOT_SIGNED_IN,
        "bad_request": texts.BAD_PARAMETERS,
        **said,
    }

    def decorate(view: View) -> View:
        # No CSRF token: a page of another site can make a browser send cookies, never a header
        # of its own, and these views look at the `token` header only.
        @csrf_exempt  # nosemgrep: csrf
        @never_cache
        @require_http_methods([method])
        @wraps(view)
        def answer(request: HttpRequest) -> HttpResponse:
            request.encoding = "utf-8"  # whatever charset the client names
            try:
                return view(request)
            except Exception as exc:
                return _refusal(exc, sentences, broken)

        return answer

    return decorate


def _refusal(exc: Exception, sentences: Mapping[str, str], broken: str) -> JsonResponse:
    """The answer to an error: one sentence, and nothing about what went wrong inside."""
    if isinstance(exc, _BAD_FORM):
        exc = BadRequest()
    if isinstance(exc, Refused):
        text = exc.text
    elif isinstance(exc, RateLimited):
        text = texts.WAIT.format(seconds=exc.retry_after)
    elif isinstance(exc, AppError):
        text = sentences.get(exc.code, broken)
    else:
        if not is_outage(exc):
            logger.error("a request failed", exc_info=exc)
        text = broken
    answer = _json({"code": -1, "msg": text})
    if isinstance(exc, RateLimited):
        answer["Retry-After"] = str(exc.retry_after)
    return answer
