from django.urls import path

from accounts import api

urlpatterns = [
    path("auth/code/", api.CodeView.as_view()),
    path("auth/register/", api.RegisterView.as_view()),
    path("auth/login/", api.LoginView.as_view()),
    path("auth/refresh/", api.RefreshView.as_view()),
    path("auth/logout/", api.LogoutView.as_view()),
    path("auth/password/reset/", api.ResetPasswordView.as_view()),
    path("auth/password/change/", api.ChangePasswordView.as_view()),
    path("auth/ticket/", api.TicketView.as_view()),
    path("auth/sessions/", api.SessionsView.as_view()),
    path("auth/sessions/<str:session_identity>/", api.SessionView.as_view()),
    path("users/me/", api.MeView.as_view()),
    path("users/", api.UsersView.as_view()),
    path("users/<str:user_identity>/", api.UserView.as_view()),
]
