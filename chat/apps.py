from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from chat.heads import room_heads
        from rooms.heads import provide_heads

        provide_heads(room_heads)
