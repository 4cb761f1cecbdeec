"""The pages of rooms."""

from django.urls import URLPattern, path

from rooms import views
from rooms.inbox import Inbox


def routes(inbox: Inbox) -> tuple[list[URLPattern], str]:
    """The pages, with the name of the app."""
    given = {"inbox": inbox}
    return [
        path("new/", views.new, name="new"),
        path("join/", views.join, given, name="join"),
        path("direct/", views.direct, given, name="direct"),
        path("added/", views.added, name="added"),
        path("<str:identity>/", views.room, name="room"),
        path("<str:identity>/settings/", views.settings, given, name="settings"),
    ], "rooms"
