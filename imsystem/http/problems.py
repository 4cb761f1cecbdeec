"""Errors of the REST API as RFC 9457 problem documents.

{type, title, status, detail, code, errors?, request_id}
"""

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from imsystem.errors import AppError, BadRequest, TooLarge, Unavailable
from imsystem.ops.lines import current_caller
from imsystem.outage import is_outage

CONTENT_TYPE = "application/problem+json"

# Returns the code of an error that has none of its own.
CODES = {
    400: "bad_request",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    503: "unavailable",
}
# Ours, not http.HTTPStatus.phrase: the API's wording must not depend on the version of Python (3.13
# renamed 413 and 422).
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}


def problem(
    status: int, code: str, detail: object, errors: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """Returns the body of a problem document. `type` is about:blank: programs test `code`."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": str(detail),
        "code": code,
    }
    if errors:
        body["errors"] = errors
    if request_id := current_caller().request_id:
        body["request_id"] = request_id
    return body


def error_headers(exc: BaseException) -> dict[str, str]:
    """Returns the headers that belong to an error's answer."""
    retry_after = getattr(exc, "retry_after", None)
    return {} if retry_after is None else {"Retry-After": str(int(retry_after))}


def _field_errors(detail: Any, field: str = "") -> dict[str, list[str]]:
    """Returns DRF's nested error detail, flat: {"members.0": ["..."]}."""
    if isinstance(detail, dict):
        pairs = [(f"{field}.{key}".lstrip("."), value) for key, value in detail.items()]
        return {
            name: text for key, value in pairs for name, text in _field_errors(value, key).items()
        }
    if isinstance(detail, list):
        return {field or "non_field_errors": [str(item) for item in detail]}
    return {field or "non_field_errors": [str(detail)]}


def app_error_body(exc: AppError) -> dict[str, Any]:
    """Returns the problem document of one of our own errors."""
    fields = exc.errors if isinstance(exc, BadRequest) else {}
    errors = {name: [str(text) for text in texts] for name, texts in fields.items()}
    return problem(exc.status, exc.code, exc.detail, errors)


def _api_exception_body(exc: exceptions.APIException) -> dict[str, Any]:
    code = CODES.get(exc.status_code, "bad_request")
    if isinstance(exc, exceptions.ValidationError):
        return problem(400, code, _("Some fields are not valid."), _field_errors(exc.detail))
    return problem(exc.status_code, code, exc.detail)


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. Returns None (a 500 with a log entry) for unexpected errors."""
    if is_outage(exc):
        exc = Unavailable()
    if isinstance(exc, RequestDataTooBig):
        exc = TooLarge()
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    if isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    headers = error_headers(exc)
    if isinstance(exc, AppError):
        body = app_error_body(exc)
    elif isinstance(exc, exceptions.APIException):
        body = _api_exception_body(exc)
    else:
        return None
    if body["status"] == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def problem_response(exc: AppError) -> JsonResponse:
    """Returns the same document outside DRF (middleware, error pages of /api/)."""
    response = JsonResponse(app_error_body(exc), status=exc.status, content_type=CONTENT_TYPE)
    for name, value in error_headers(exc).items():
        response[name] = value
    return response
