"""Changing the account's address."""

from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services
from accounts.codes import Purpose
from accounts.forms import EmailForm
from accounts.pages import render_form, service_errors, signed_in_user
from accounts.views.with_code import asks_for_code, page_after_code

TEMPLATE = "accounts/email.html"


@never_cache
@login_required
@sensitive_post_parameters("password", "otp", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    make_form = partial(EmailForm, user=user)
    if request.method == "POST" and asks_for_code(request):
        return page_after_code(request, TEMPLATE, make_form, Purpose.CHANGE_EMAIL)
    form = make_form(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            services.change_email(user=user, **form.cleaned_data)
            messages.success(request, _("Your e-mail address has been changed."))
            return redirect("accounts:profile")
    return render_form(request, TEMPLATE, form)
