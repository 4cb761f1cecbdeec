"""Registration and a new password: pages that need a code from a mail."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services, sessions, trusted_devices
from accounts.codes import Purpose
from accounts.forms import CodeForm, RegisterForm, ResetForm
from accounts.pages import PageForm, render_form, service_errors, signed_in_user
from accounts.policies import registration_refusal
from accounts.services import SentCode
from imsystem.errors import AppError
from imsystem.mail.place import trial_place

HOME = "/chat/"


def asks_for_code(request: HttpRequest) -> bool:
    """The button says so, or Enter was pressed with only an address to send."""
    if "action" in request.POST:
        return request.POST["action"] == "send_code"
    return not any(request.POST.get(name) for name in ("code", "account", "password"))


def _send_code(request: HttpRequest, form: PageForm, purpose: Purpose) -> SentCode | None:
    """Sends a code to the address in `form`; returns None with an error in the form otherwise.

    Only the address is checked: the other fields are still empty, which is not an error yet.
    """
    address = CodeForm(request.POST)
    with service_errors(address):
        if address.is_valid():
            return services.send_code(
                email=address.cleaned_data["email"],
                purpose=purpose,
                ip=sessions.client_ip(request),
                device_token=trusted_devices.token_of(request),
                user=signed_in_user(request) if purpose is Purpose.CHANGE_EMAIL else None,
            )
    form.full_clean()
    form.errors.clear()
    form.errors.update(address.errors)
    form.error = address.error
    return None


def page_after_code(
    request: HttpRequest, template: str, make_form: Callable[..., PageForm], purpose: Purpose
) -> HttpResponse:
    """Shows the same page again with everything kept except the secrets."""
    failed = make_form(request.POST)
    sent = _send_code(request, failed, purpose)
    if sent is None:
        return render_form(request, template, failed)
    kept = {name: request.POST.get(name, "") for name in failed.fields}
    form = make_form(initial=kept | {"password": "", "code": "", "otp": ""})
    told = {
        "minutes": sent.expires_in // 60,
        "seconds": sent.retry_after,
        "place": trial_place(sessions.client_ip(request)),
    }
    return render_form(request, template, form, sent=told, email=kept["email"])


def _closed(request: HttpRequest, refusal: AppError) -> HttpResponse:
    """Says why there is no form. The page itself is open to everybody; registering is refused."""
    status = refusal.status if request.method == "POST" else 200
    template = "accounts/registration_closed.html"
    return render(request, template, {"reason": refusal.detail}, status=status)


@never_cache
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    template = "accounts/register.html"
    if request.user.is_authenticated:
        return redirect(HOME)
    refusal = registration_refusal(settings)
    if refusal is not None:
        return _closed(request, refusal)
    if request.method == "POST" and asks_for_code(request):
        return page_after_code(request, template, RegisterForm, Purpose.REGISTER)
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            user = services.register(**form.cleaned_data, ip=sessions.client_ip(request))
            sessions.open_browser_session(request, user)
            return redirect(HOME)
    return render_form(request, template, form)


@never_cache
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def password_reset(request: HttpRequest) -> HttpResponse:
    template = "accounts/password_reset.html"
    if request.method == "POST" and asks_for_code(request):
        return page_after_code(request, template, ResetForm, Purpose.RESET)
    form = ResetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            user = services.reset_password(
                **form.cleaned_data,
                ip=sessions.client_ip(request),
                device_token=trusted_devices.token_of(request),
            )
            trusted_devices.trust(request, user)
            messages.success(request, _("Your new password is set. Sign in with it."))
            return redirect("accounts:login")
    return render_form(request, template, form)
