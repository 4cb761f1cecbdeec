"""Signing in, in one step or two, and signing out."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services, sessions
from accounts.errors import OtpRequired
from accounts.forms import LoginCodeForm, LoginForm
from accounts.models import User
from accounts.pages import PageForm, next_url, render_form, service_errors
from accounts.policies import registration_refusal
from accounts.selectors import active_user
from accounts.trusted_devices import token_of
from imsystem.clock import now_ms

HOME = "/chat/"
# In Django's session between the two steps: whose password was right. The password itself is not
# kept.
SECOND_STEP_KEY = "second_step"
SECOND_STEP_S = 300


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(next_url(request, HOME))
    form = LoginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            return _first_step(request, form)
    shown = {"may_register": registration_refusal(settings) is None}
    return render_form(request, "accounts/login.html", form, next=next_url(request, HOME), **shown)


def _first_step(request: HttpRequest, form: PageForm) -> HttpResponse:
    """Signs in, or goes on to the code for a user who has two-factor authentication."""
    try:
        found = services.sign_in(
            **form.cleaned_data,
            ip=sessions.client_ip(request),
            device=sessions.device_name(request),
            device_token=token_of(request),
            with_tokens=False,
        )
    except OtpRequired as exc:
        _begin_second_step(request, exc.user)
        return redirect("accounts:login_code")
    sessions.open_browser_session(request, found.user)
    return redirect(next_url(request, HOME))


def _begin_second_step(request: HttpRequest, user: User) -> None:
    # A new key: somebody who planted the old one in this browser must not go on from here.
    request.session.cycle_key()
    request.session[SECOND_STEP_KEY] = {
        "user": user.identity,
        "password_set_at": user.password_set_at,
        "until": now_ms() + SECOND_STEP_S * 1000,
        "next": next_url(request, HOME),
    }


def _user_of_second_step(request: HttpRequest) -> User | None:
    """Returns whose password was right in this browser, less than five minutes ago; it still has to
    be."""
    step = request.session.get(SECOND_STEP_KEY)
    if step is None or now_ms() >= step["until"]:
        return None
    user = active_user(step["user"])
    return user if user and user.password_set_at == step["password_set_at"] else None


@never_cache
@sensitive_post_parameters("otp")
@require_http_methods(["GET", "HEAD", "POST"])
def login_code(request: HttpRequest) -> HttpResponse:
    """The second step."""
    if request.user.is_authenticated:
        return redirect(HOME)
    user = _user_of_second_step(request)
    if user is None:
        messages.info(request, _("Please enter your password again."))
        return redirect("accounts:login")
    form = LoginCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            services.check_otp(
                user,
                form.cleaned_data["otp"],
                ip=sessions.client_ip(request),
                device_token=token_of(request),
            )
            goes_to = request.session.pop(SECOND_STEP_KEY)["next"]
            sessions.open_browser_session(request, user)
            return redirect(goes_to)
    return render_form(request, "accounts/login_code.html", form)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def logout(request: HttpRequest) -> HttpResponse:
    """Signs out by POST; GET asks first, so that no link of a stranger signs anybody out."""
    if request.method != "POST":
        return render(request, "accounts/logout.html")
    sessions.close_browser_session(request)
    return redirect("accounts:login")
