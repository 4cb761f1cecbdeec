"""All addresses. Each app lists its own pages and API routes; this page puts them together.

Those of rooms are handed the inbox (rooms/inbox.py)."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from django.views.i18n import JSONCatalog
from drf_spectacular.views import SpectacularSwaggerSplitView

import rooms.api_urls
import rooms.urls
from accounts.views.language import set_language
from chat import inbox
from imsystem.health import exposition, probes
from imsystem.http import handlers
from imsystem.http.schema_view import SchemaView
from imsystem.http.server_info import ServerInfoView

api_urls: list[URLPattern | URLResolver] = [
    # They are tried one after another: those requested most come first.
    path("", include("chat.api_urls")),
    path("", include(rooms.api_urls.routes(inbox))),
    path("", include("accounts.api_urls")),
    path("server/", ServerInfoView.as_view()),
    path("health/live/", probes.live),
    path("health/ready/", probes.ready),
]

urlpatterns = [
    path("api/v1/", include(api_urls)),
    path("", RedirectView.as_view(url="/chat/")),
    path("accounts/", include("accounts.urls")),
    path("avatars/", include("accounts.avatar_urls")),
    path("rooms/", include(rooms.urls.routes(inbox))),
    path("chat/", include("chat.urls")),
    # "View on site": no model has a page there, and Django answers 500 to invalid ids.
    path("admin/r/<path:rest>", handlers.nothing),
    # Django's own form would leave other devices signed in, and count no wrong passwords.
    path("admin/password_change/", RedirectView.as_view(pattern_name="accounts:password")),
    path("admin/", admin.site.urls),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema")),
    path("i18n/setlang/", set_language, name="set_language"),
    path("jsi18n/", JSONCatalog.as_view(), name="js-catalog"),
    path("healthz", probes.live),
    path("readyz", probes.ready),
    path("metrics", exposition.view),
]
if settings.SEED_ROUTES:
    urlpatterns.append(path("", include("chat.compat.urls")))

handler400 = "imsystem.http.handlers.bad_request"
handler404 = "imsystem.http.handlers.not_found"
handler500 = "imsystem.http.handlers.server_error"
