"""Signing in and out."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import services, sessions
from accounts.forms import LoginForm
from accounts.pages import next_url, render_form, service_errors

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
