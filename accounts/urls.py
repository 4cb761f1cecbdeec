"""The pages of accounts."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("register/", views.register, name="register"),
    path("login/", views.login, name="login"),
    path("logout/", views.logout, name="logout"),
    path("profile/", views.profile, name="profile"),
    path("password/", views.password_change, name="password"),
    path("password/reset/", views.password_reset, name="password_reset"),
    path("devices/", views.devices, name="devices"),
]
