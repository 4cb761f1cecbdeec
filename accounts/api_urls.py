from django.urls import path

from accounts.api import account_deletion, avatar, devices, email, signing_in, two_factor, users

urlpatterns = [
    path("auth/code/", signing_in.CodeView.as_view()),
    path("auth/register/", signing_in.RegisterView.as_view()),
    path("auth/login/", signing_in.LoginView.as_view()),
    path("auth/refresh/", signing_in.RefreshView.as_view()),
    path("auth/logout/", signing_in.LogoutView.as_view()),
    path("auth/password/reset/", signing_in.ResetPasswordView.as_view()),
    path("auth/password/change/", signing_in.ChangePasswordView.as_view()),
    path("auth/two-factor/", two_factor.TwoFactorView.as_view()),
    path("auth/two-factor/confirm/", two_factor.ConfirmTwoFactorView.as_view()),
    path("auth/two-factor/recovery-codes/", two_factor.RecoveryCodesView.as_view()),
    path("auth/two-factor/disable/", two_factor.DisableTwoFactorView.as_view()),
    path("auth/ticket/", devices.TicketView.as_view()),
    path("auth/sessions/", devices.SessionsView.as_view()),
    path("auth/sessions/<str:session_identity>/", devices.SessionView.as_view()),
    path("users/me/", users.MeView.as_view()),
    path("users/me/avatar/", avatar.AvatarView.as_view()),
    path("users/me/email/", email.EmailView.as_view()),
    path("users/me/delete/", account_deletion.DeleteView.as_view()),
    path("users/me/data/", account_deletion.DataView.as_view()),
    path("users/", users.UsersView.as_view()),
    path("users/<str:user_identity>/", users.UserView.as_view()),
]
