"""Messages in Django's admin: to look at, never to change."""

from django.contrib import admin
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from accounts.audited import AuditedReadOnlyAdmin
from chat.models import Message


@admin.register(Message)
class MessageAdmin(AuditedReadOnlyAdmin):
    about_field = "room_identity"
    list_display = ["room_identity", "seq", "user_identity", "kind", "beginning", "created"]
    list_filter = ["kind"]
    exact_search = ["identity", "room_identity", "user_identity"]
    search_help_text = _("Identity of a message, a room or a user")
    ordering = ["-created_at"]

    @admin.display(description=_("text"))
    def beginning(self, message: Message) -> str:
        return Truncator(message.data).chars(60)
