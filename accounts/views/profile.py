"""The user's profile and password."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services, sessions
from accounts.forms import PasswordForm, ProfileForm
from accounts.pages import render_form, service_errors, signed_in_user
from accounts.payloads import own_user
from accounts.views.language import remember_language
from imsystem.client_limits import AVATAR_BYTES


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    initial = {"nickname": user.nickname, "sex": user.sex, "language": user.language}
    # A form from before there was a choice of language does not change it.
    posted = {"language": user.language, **request.POST.dict()} if request.POST else None
    form = ProfileForm(posted, initial=initial)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            services.update_profile(user=user, **form.cleaned_data)
            response = redirect("accounts:profile")
            if user.language != initial["language"]:
                remember_language(response, user.language)
            with translation.override(user.language):
                messages.success(request, _("Saved."))
            return response
    shown = {"me": own_user(user), "has_picture": bool(user.avatar), "max_bytes": AVATAR_BYTES}
    return render_form(request, "accounts/profile.html", form, **shown)


@never_cache
@login_required
@sensitive_post_parameters("old_password", "new_password", "otp")
@require_http_methods(["GET", "HEAD", "POST"])
def password_change(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = PasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            current = sessions.current_session(request)
            services.change_password(user=user, keep_session=current, **form.cleaned_data)
            sessions.renew_browser_session(request, user)
            messages.success(
                request, _("Your password has been changed. Other devices have been signed out.")
            )
            return redirect("accounts:profile")
    return render_form(request, "accounts/password_change.html", form)
