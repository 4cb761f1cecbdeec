"""Two-factor authentication: switch it on, make new recovery codes, switch it off.

Secret and recovery codes are in the answer to a POST and nowhere else: no page shows them again.
"""

import base64

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services
from accounts.forms import AppCodeForm, OwnPasswordForm, PasswordAndOtpForm
from accounts.pages import render_form, service_errors, signed_in_user
from accounts.selectors import recovery_codes_left, two_factor_in_force
from accounts.totp import in_fours

CONFIRM = "accounts/two_factor_confirm.html"


@never_cache
@login_required
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def two_factor(request: HttpRequest) -> HttpResponse:
    """Shows the state. With the password it begins: the answer is the QR code."""
    user = signed_in_user(request)
    form = OwnPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            enrolment = services.begin_two_factor(user=user, **form.cleaned_data)
            secret = in_fours(enrolment.secret, " ")
            return render_form(request, CONFIRM, AppCodeForm(), enrolment=enrolment, secret=secret)
    state = {"in_force": two_factor_in_force(user), "left": recovery_codes_left(user)}
    return render_form(request, "accounts/two_factor.html", form, **state)


@never_cache
@login_required
@sensitive_post_parameters("otp")
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Takes the first code of the app, which switches it on."""
    if request.method != "POST":
        return redirect("accounts:two_factor")
    form = AppCodeForm(request.POST)
    if form.is_valid():
        with service_errors(form):
            codes = services.confirm_two_factor(user=signed_in_user(request), **form.cleaned_data)
            return _codes_page(request, codes)
    return render_form(request, CONFIRM, form)


@never_cache
@login_required
@sensitive_post_parameters("password", "otp")
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    form = PasswordAndOtpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            codes = services.new_recovery_codes(user=signed_in_user(request), **form.cleaned_data)
            return _codes_page(request, codes)
    return render_form(request, "accounts/two_factor_recovery.html", form)


@never_cache
@login_required
@sensitive_post_parameters("password", "otp")
@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest) -> HttpResponse:
    form = PasswordAndOtpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            services.disable_two_factor(user=signed_in_user(request), **form.cleaned_data)
            messages.success(request, _("Two-factor authentication is off."))
            return redirect("accounts:two_factor")
    return render_form(request, "accounts/two_factor_disable.html", form)


def _codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Shows the codes, this once; as a file too, which needs no second request that would carry
    them."""
    text = base64.b64encode("\n".join([*codes, ""]).encode()).decode()
    context = {"codes": codes, "file": f"data:text/plain;base64,{text}"}
    return render(request, "accounts/two_factor_codes.html", context)
