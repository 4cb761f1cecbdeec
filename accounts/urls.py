"""The pages of accounts."""

from django.urls import path

from accounts.views import devices, profile, signing_in, with_code

app_name = "accounts"
urlpatterns = [
    path("register/", with_code.register, name="register"),
    path("login/", signing_in.login, name="login"),
    path("logout/", signing_in.logout, name="logout"),
    path("profile/", profile.profile, name="profile"),
    path("password/", profile.password_change, name="password"),
    path("password/reset/", with_code.password_reset, name="password_reset"),
    path("devices/", devices.devices, name="devices"),
]
