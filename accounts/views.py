"""The pages of accounts: parse, call the service, show or go on."""

from datetime import UTC, datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services, sessions
from accounts.codes import Purpose
from accounts.forms import CodeForm, LoginForm, PasswordForm, ProfileForm, RegisterForm, ResetForm
from accounts.pages import PageForm, next_url, render_form, service_errors, signed_in_user
from accounts.payloads import device
from accounts.selectors import live_sessions_of
from accounts.services import SentCode

HOME = "/chat/"


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(next_url(request, HOME))
    form = LoginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            found = services.sign_in(
                **form.cleaned_data,
                ip=sessions.client_ip(request),
                device=sessions.device_name(request),
                with_tokens=False,
            )
            sessions.open_browser_session(request, found.user)
            return redirect(next_url(request, HOME))
    return render_form(request, "accounts/login.html", form, next=next_url(request, HOME))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def logout(request: HttpRequest) -> HttpResponse:
    """Signs out by POST; GET asks first, so that no link of a stranger signs anybody out."""
    if request.method != "POST":
        return render(request, "accounts/logout.html")
    sessions.close_browser_session(request)
    return redirect("accounts:login")


def _asks_for_code(request: HttpRequest) -> bool:
    """The button says so, or Enter was pressed with nothing but an address to send."""
    if "action" in request.POST:
        return request.POST["action"] == "send_code"
    return not any(request.POST.get(name) for name in ("code", "account", "password"))


def _send_code(request: HttpRequest, form: PageForm, purpose: Purpose) -> SentCode | None:
    """Sends a code to the address in `form`; None with an error in the form otherwise.

    Only the address is judged: the other fields are still empty, which is no error yet.
    """
    address = CodeForm(request.POST)
    with service_errors(address):
        if address.is_valid():
            email = address.cleaned_data["email"]
            return services.send_code(email=email, purpose=purpose, ip=sessions.client_ip(request))
    form.full_clean()
    form.errors.clear()
    form.errors.update(address.errors)
    form.error = address.error
    return None


def _page_after_code(
    request: HttpRequest, template: str, form_class: type[PageForm], purpose: Purpose
) -> HttpResponse:
    """The same page again with everything kept but the password."""
    failed = form_class(request.POST)
    sent = _send_code(request, failed, purpose)
    if sent is None:
        return render_form(request, template, failed)
    kept = {name: request.POST.get(name, "") for name in form_class.base_fields}
    form = form_class(initial=kept | {"password": "", "code": ""})
    told = {"minutes": sent.expires_in // 60, "seconds": sent.retry_after}
    return render_form(request, template, form, sent=told, email=kept["email"])


@never_cache
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    template = "accounts/register.html"
    if request.user.is_authenticated:
        return redirect(HOME)
    if request.method == "POST" and _asks_for_code(request):
        return _page_after_code(request, template, RegisterForm, Purpose.REGISTER)
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            user = services.register(**form.cleaned_data)
            sessions.open_browser_session(request, user)
            return redirect(HOME)
    return render_form(request, template, form)


@never_cache
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def password_reset(request: HttpRequest) -> HttpResponse:
    template = "accounts/password_reset.html"
    if request.method == "POST" and _asks_for_code(request):
        return _page_after_code(request, template, ResetForm, Purpose.RESET)
    form = ResetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            services.reset_password(**form.cleaned_data)
            messages.success(request, _("Your password is set. Sign in with it."))
            return redirect("accounts:login")
    return render_form(request, template, form)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    initial = {"nickname": user.nickname, "sex": user.sex}
    form = ProfileForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            services.update_profile(user=user, **form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("accounts:profile")
    return render_form(request, "accounts/profile.html", form)


@never_cache
@login_required
@sensitive_post_parameters("old_password", "new_password")
@require_http_methods(["GET", "HEAD", "POST"])
def password_change(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            current = sessions.current_session(request)
            services.change_password(user=user, keep_session=current, **form.cleaned_data)
            sessions.renew_browser_session(request, user)
            messages.success(request, _("Your password is changed. Other devices are signed out."))
            return redirect("accounts:profile")
    return render_form(request, "accounts/password_change.html", form)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def devices(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    if request.method == "POST":
        services.revoke_session(user=user, session_identity=request.POST.get("identity", ""))
        messages.success(request, _("The device is signed out."))
        return redirect("accounts:devices")
    current = sessions.current_session(request)
    rows = [
        {
            **device(session, current=current),
            "last_used": datetime.fromtimestamp(session.last_used_at / 1000, UTC),
        }
        for session in live_sessions_of(user)
    ]
    return render(request, "accounts/devices.html", {"devices": rows})
