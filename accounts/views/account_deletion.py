"""Downloading one's data, and deleting one's account."""

from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services
from accounts.forms import ConfirmForm, DeleteForm
from accounts.pages import render_form, service_errors, signed_in_user
from imsystem.http.downloads import json_attachment


@never_cache
@login_required
@sensitive_post_parameters("password", "otp")
@require_http_methods(["GET", "HEAD", "POST"])
def data(request: HttpRequest) -> HttpResponseBase:
    """The answer to the right password is the file."""
    user = signed_in_user(request)
    form = ConfirmForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            chunks = services.export_data(user=user, **form.cleaned_data)
            return json_attachment(services.export_name(user), chunks)
    return render_form(request, "accounts/data.html", form)


@never_cache
@login_required
@sensitive_post_parameters("password", "otp")
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = DeleteForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            given = {name: form.cleaned_data.get(name, "") for name in ("password", "otp")}
            services.delete_own_account(user=user, **given)
            auth.logout(request)
            messages.success(request, _("Your account has been deleted."))
            return redirect("accounts:login")
    return render_form(request, "accounts/delete.html", form)
