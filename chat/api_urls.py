from django.urls import path

from chat import api

urlpatterns = [
    path("rooms/<str:room_identity>/messages/", api.MessagesView.as_view()),
    path("rooms/<str:room_identity>/read/", api.ReadView.as_view()),
    path("messages/<str:message_identity>/", api.MessageView.as_view()),
]
