"""Messages in Django's admin: to look at, never to change."""

from django.contrib import admin
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from accounts.audited import AuditedReadOnlyAdmin
from chat.models import Edit, Message


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


@admin.register(Edit)
class EditAdmin(AuditedReadOnlyAdmin):
    """Earlier texts. The list shows where and when; the texts are on the page of each."""

    about_field = "room_identity"
    list_display = ["room_identity", "seq", "revision", "user_identity", "changed_by", "created"]
    exact_search = ["identity", "message_identity", "room_identity", "user_identity"]
    search_help_text = _("Identity of a message, a room or a user")
    ordering = ["-created_at"]
