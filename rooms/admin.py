"""Rooms and members in Django's admin. Changes by people go through services.py, not here."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.audited import AuditedReadOnlyAdmin
from imsystem.admin import local_time
from rooms.models import Ban, Member, Room


@admin.register(Room)
class RoomAdmin(AuditedReadOnlyAdmin):
    list_display = ["number", "name", "kind", "creator_id", "created"]
    list_filter = ["kind"]
    exact_search = ["number", "identity"]
    part_search = ["name"]
    search_help_text = _("Number or part of the name")
    ordering = ["-created_at"]


@admin.register(Member)
class MemberAdmin(AuditedReadOnlyAdmin):
    about_field = "room_id"
    list_display = ["user_id", "room_id", "role", "read_seq", "muted", "created"]
    list_filter = ["role"]
    exact_search = ["user_id", "room_id"]
    search_help_text = _("Identity of a user or a room")
    ordering = ["-created_at"]

    @admin.display(description=_("muted until"), ordering="muted_until")
    def muted(self, member: Member) -> str:
        return local_time(member.muted_until)


@admin.register(Ban)
class BanAdmin(AuditedReadOnlyAdmin):
    about_field = "room_identity"
    list_display = ["user_identity", "room_identity", "kind", "actor_identity", "created"]
    list_filter = ["kind"]
    exact_search = ["user_identity", "room_identity"]
    search_help_text = _("Identity of a user or a room")
    ordering = ["-created_at"]
