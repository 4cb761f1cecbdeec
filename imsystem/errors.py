"""One hierarchy of errors for every door: REST (problems.py), socket (chat/consumer.py), pages.

Services raise these and know nothing of transports. `code` is part of the contract
(docs/protocol.md lists them); `detail` is for people and translated.
"""

from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise
FieldErrors = Mapping[str, Sequence[Text]]


class AppError(Exception):
    """An expected failure: one code, one HTTP status, one sentence that says what to do."""

    code = "internal"
    status = 500
    default_detail: Text = _("Something went wrong on our side. Please try again.")

    def __init__(self, detail: Text | None = None, *, code: str | None = None) -> None:
        self.detail = self.default_detail if detail is None else detail
        if code is not None:
            self.code = code
        super().__init__(self.code)


class BadRequest(AppError):
    """The input is wrong. `errors` names the fields: {"email": ["Enter a valid address."]}."""

    code = "bad_request"
    status = 400
    default_detail = _("The request is not valid.")

    def __init__(
        self,
        detail: Text | None = None,
        *,
        code: str | None = None,
        errors: FieldErrors | None = None,
    ) -> None:
        super().__init__(detail, code=code)
        self.errors: FieldErrors = errors or {}


class NotAuthenticated(AppError):
    """No valid sign-in."""

    code = "not_authenticated"
    status = 401
    default_detail = _("Sign in first.")


class Forbidden(AppError):
    """The caller may see the thing, but not do this to it."""

    code = "forbidden"
    status = 403
    default_detail = _("You don't have permission to do this.")


class Muted(Forbidden):
    """The caller is muted in this room."""

    code = "muted"
    default_detail = _("You are muted in this group.")


class OtherUser(AppError):
    """The page was made for another user than the one the browser is signed in as now."""

    code = "other_user"
    status = 409
    default_detail = _("This browser is now signed in as another user. Nothing was changed.")


class NotFound(AppError):
    """The thing does not exist, or the caller may not know that it does."""

    code = "not_found"
    status = 404
    default_detail = _("Not found.")


class TooLarge(AppError):
    """The message or frame is over its limit."""

    code = "too_large"
    status = 413
    default_detail = _("This is too large.")


class TooSlow(AppError):
    """The body of a request did not arrive, or arrived too slowly."""

    code = "too_slow"
    status = 408
    default_detail = _("The request took too long to arrive. Please try again.")


class RateLimited(AppError):
    """Too many requests. `retry_after` is in whole seconds."""

    code = "rate_limited"
    status = 429
    default_detail = _("Too many requests. Please try again later.")

    def __init__(self, retry_after: int, detail: Text | None = None) -> None:
        super().__init__(detail)
        self.retry_after = max(1, retry_after)


class Unavailable(AppError):
    """A database does not answer. Nothing was acknowledged; the same request may be repeated."""

    code = "unavailable"
    status = 503
    default_detail = _("The service is unavailable at the moment. Please try again.")
    retry_after = 2
