"""The pages of rooms."""

from django.urls import path

from rooms import views

app_name = "rooms"
urlpatterns = [
    path("new/", views.new, name="new"),
    path("join/", views.join, name="join"),
    path("direct/", views.direct, name="direct"),
    path("added/", views.added, name="added"),
    path("<str:identity>/", views.room, name="room"),
    path("<str:identity>/settings/", views.settings, name="settings"),
]
