"""Addresses of pictures."""

from django.urls import path

from accounts.views import avatar

urlpatterns = [
    path("<str:identity>.webp", avatar.uploaded),
    path("initial/<str:name>.svg", avatar.initial),
]
