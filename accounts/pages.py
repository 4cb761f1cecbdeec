"""What all pages share: the signed-in user, the next page, and services' errors as errors of a
form."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts.models import User
from imsystem.errors import AppError, BadRequest, NotFound


def signed_in_user(request: HttpRequest) -> User:
    """Returns the user, in a view behind `login_required`."""
    return cast(User, request.user)


class PageForm(Form):
    """A form whose rules are those of a service; it only carries fields and shows errors."""

    required_css_class = "required"
    error: AppError | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            told = _("%(field)s is required.") % {"field": field.label}
            field.error_messages["required"] = told


@contextmanager
def service_errors(form: PageForm) -> Iterator[None]:
    """Turns errors that a service raises inside into errors of the form. NotFound stays a page."""
    try:
        yield
    except NotFound:
        raise
    except AppError as exc:
        add_error(form, exc)


def add_error(form: PageForm, exc: AppError) -> None:
    """Shows the error at the fields it names, or above the form."""
    form.error = exc
    fields = exc.errors if isinstance(exc, BadRequest) else {}
    for name, texts in fields.items():
        form.add_error(name if name in form.fields else None, [str(text) for text in texts])
    if not fields:
        form.add_error(None, str(exc.detail))


def sentence(exc: AppError) -> str:
    """Returns the error in one sentence, for the top of a page."""
    errors = exc.errors if isinstance(exc, BadRequest) else {}
    return str(next(iter(errors.values()))[0] if errors else exc.detail)


def render_form(
    request: HttpRequest, template: str, form: PageForm, **context: object
) -> HttpResponse:
    """Renders the page with its form. Only "too often" and "not now" change the status: a form with
    errors is an ordinary page."""
    retry_after = getattr(form.error, "retry_after", None)
    status = 200 if retry_after is None or form.error is None else form.error.status
    response = render(request, template, {"form": form, **context}, status=status)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


def next_url(request: HttpRequest, default: str) -> str:
    """Returns the page that the user came for (`next`), if it is one of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    # redirect() would look for a view of that name in a text that is not a path.
    allowed = wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if allowed else resolve_url(default)
