"""Who may do what with the user, and who sees what of them."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import services
from accounts.forms import PrivacyForm
from accounts.pages import render_form, service_errors, signed_in_user


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def privacy(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    initial = {
        "who_may_add": user.who_may_add,
        "who_sees_online": user.who_sees_online,
        "read_receipts": "on" if user.read_receipts else "off",
    }
    form = PrivacyForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            services.update_profile(user=user, **form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("accounts:privacy")
    return render_form(request, "accounts/privacy.html", form)
