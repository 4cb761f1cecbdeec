"""The pages of accounts."""

from django.urls import path

from accounts.views import (
    account_deletion,
    avatar,
    devices,
    email,
    privacy,
    profile,
    signing_in,
    two_factor,
    with_code,
)

app_name = "accounts"
urlpatterns = [
    path("register/", with_code.register, name="register"),
    path("login/", signing_in.login, name="login"),
    path("login/code/", signing_in.login_code, name="login_code"),
    path("logout/", signing_in.logout, name="logout"),
    path("profile/", profile.profile, name="profile"),
    path("avatar/", avatar.change, name="avatar"),
    path("password/", profile.password_change, name="password"),
    path("password/reset/", with_code.password_reset, name="password_reset"),
    path("two-factor/", two_factor.two_factor, name="two_factor"),
    path("two-factor/confirm/", two_factor.confirm, name="two_factor_confirm"),
    path("two-factor/recovery-codes/", two_factor.recovery_codes, name="recovery_codes"),
    path("two-factor/disable/", two_factor.disable, name="two_factor_disable"),
    path("devices/", devices.devices, name="devices"),
    path("email/", email.change, name="email"),
    path("privacy/", privacy.privacy, name="privacy"),
    path("data/", account_deletion.data, name="data"),
    path("delete/", account_deletion.delete, name="delete"),
]
