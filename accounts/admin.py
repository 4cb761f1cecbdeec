"""People and their device sessions in Django admin. Staff can neither read nor set passwords."""

from itertools import chain
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.canonical import valid_account, valid_email
from accounts.models import DeviceSession, User
from accounts.policies import valid_nickname
from imsystem.admin import BasicAdmin, local_time
from imsystem.errors import BadRequest

if TYPE_CHECKING:
    UserModelForm = forms.ModelForm[User]
else:
    UserModelForm = forms.ModelForm  # generic for the type checker only


class UserForm(UserModelForm):
    """The canonical forms and the rules of registration, as field errors."""

    class Meta:
        model = User
        fields = ("account", "email", "nickname", "sex", "is_active", "is_staff", "is_superuser")

    def clean_account(self) -> str:
        return self._free("account", _clean(valid_account, self.cleaned_data["account"]))

    def clean_email(self) -> str:
        return self._free("email", _clean(valid_email, self.cleaned_data["email"]))

    def clean_nickname(self) -> str:
        return _clean(valid_nickname, self.cleaned_data["nickname"])

    def _free(self, field: str, value: str) -> str:
        """Django checks fields declared unique only; ours have their index in Meta."""
        if User.objects.filter(**{field: value}).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Another user has this already."))
        return value


def _clean(rule: Any, text: str) -> str:
    try:
        value: str = rule(text)
    except BadRequest as exc:
        raise forms.ValidationError(list(chain(*exc.errors.values()))) from None
    return value


@admin.register(User)
class UserAdmin(BasicAdmin):
    """A user added here has no password: they set one by code ("forgotten password")."""

    form = UserForm
    list_display = ("account", "nickname", "email", "is_active", "is_staff", "created")
    list_filter = ("is_active", "is_staff")
    ordering = ("account",)
    exact_search = ("pk", "account", "email")
    part_search = ("nickname",)
    readonly_fields = ("identity", "created")
    filter_horizontal = ("groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("identity", "account", "email", "nickname", "sex", "created")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Permissions"), {"fields": ("groups", "user_permissions"), "classes": ("collapse",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only superusers make staff: otherwise staff could make themselves superusers."""
        fixed = super().get_readonly_fields(request, obj)
        if isinstance(request.user, User) and request.user.is_superuser:
            return fixed
        return (*fixed, "is_staff", "is_superuser", "groups", "user_permissions")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            services.revoke_all(user=obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deactivate instead: rooms and messages name their people."""
        return False


@admin.register(DeviceSession)
class DeviceSessionAdmin(BasicAdmin):
    """Deleting a session signs the device out."""

    list_display = ("user", "device", "ip", "created", "last_used", "revoked")
    list_select_related = ("user",)
    ordering = ("-created_at",)
    exact_search = ("pk", "user_id", "ip")
    fields = ("identity", "user", "device", "ip", "created", "last_used", "revoked")
    readonly_fields = fields

    @admin.display(description=_("last used"), ordering="last_used_at")
    def last_used(self, session: DeviceSession) -> str:
        return local_time(session.last_used_at)

    @admin.display(description=_("revoked"), ordering="revoked_at")
    def revoked(self, session: DeviceSession) -> str:
        return local_time(session.revoked_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: DeviceSession) -> None:
        services.sign_out(session=obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[DeviceSession]) -> None:
        for session in list(queryset):
            services.sign_out(session=session)
        super().delete_queryset(request, queryset)
