"""The addresses of the original. The socket's are in SOCKET_PATHS (imsystem/asgi.py)."""

from django.urls import path

from chat.compat import views

urlpatterns = [
    path("login", views.login),
    path("send/code", views.send_code),
    path("register", views.register),
    path("u/user/detail", views.user_detail),
    path("u/user/query", views.user_query),
    path("u/user/add", views.user_add),
    path("u/user/delete", views.user_delete),
    path("u/chat/list", views.chat_list),
]
