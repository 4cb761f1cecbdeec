"""Users and their device sessions in Django admin. Staff can neither read nor set passwords."""

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.audited import AuditedAdmin
from accounts.canonical import valid_account, valid_email
from accounts.forms import AdminLoginForm
from accounts.models import AuditEntry, DeviceSession, User
from accounts.pages import sentence, signed_in_user
from accounts.policies import can_administer, fixed_fields, language_of_request, valid_nickname
from accounts.selectors import two_factor_in_force
from imsystem.admin import ReadOnlyAdmin, is_superuser, local_time
from imsystem.errors import BadRequest, Forbidden

if TYPE_CHECKING:
    UserModelForm = forms.ModelForm[User]
else:
    UserModelForm = forms.ModelForm  # generic for the type checker only

admin.site.login_form = AdminLoginForm

# Takes what the form of a user stores; Django stores groups and permissions (save_related).
CHANGEABLE = ("account", "email", "nickname", "sex", "is_active", "is_staff", "is_superuser")

OWN_PAGES = _("To change your own account, use your profile pages.")


class UserForm(UserModelForm):
    """Applies the canonical forms and the rules of registration, as field errors."""

    class Meta:
        model = User
        fields = CHANGEABLE

    def clean_account(self) -> str:
        """A name that `createsuperuser` gave may be reserved: it can be kept."""
        if self.cleaned_data["account"] == self.instance.account:
            return self.instance.account
        return self._free("account", _clean(valid_account, self.cleaned_data["account"]))

    def clean_email(self) -> str:
        return self._free("email", _clean(valid_email, self.cleaned_data["email"]))

    def clean_nickname(self) -> str:
        official = partial(valid_nickname, official=True)
        return _clean(official, self.cleaned_data["nickname"])

    def _free(self, field: str, value: str) -> str:
        """Django checks only fields that are declared unique; ours have their index in Meta."""
        if User.objects.filter(**{field: value}).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Already taken by another user."))
        return value


def _clean(rule: Any, text: str) -> str:
    try:
        value: str = rule(text)
    except BadRequest as exc:
        raise forms.ValidationError(list(chain(*exc.errors.values()))) from None
    return value


@admin.register(User)
class UserAdmin(AuditedAdmin):
    """A user added here has no password: they set one by code ("forgotten password")."""

    form = UserForm
    list_display = ("account", "nickname", "email", "is_active", "is_staff", "created")
    list_filter = ("is_active", "is_staff")
    ordering = ("account",)
    exact_search = ("pk", "account", "email")
    part_search = ("nickname",)
    readonly_fields = ("identity", "created", "two_factor")
    actions = ("switch_two_factor_off", "delete_personal_data")
    filter_horizontal = ("groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("identity", "account", "email", "nickname", "sex", "created")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "two_factor")}),
        (_("Permissions"), {"fields": ("groups", "user_permissions"), "classes": ("collapse",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """This includes what the rule on accounts forbids the caller: no form takes such a
        field."""
        fixed = fixed_fields(signed_in_user(request), obj)
        return (*super().get_readonly_fields(request, obj), *sorted(fixed - {"password"}))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A refusal of the services is shown above the form, which then shows what is stored."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (BadRequest, Forbidden) as exc:
            self.message_user(request, sentence(exc), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.set_unusable_password()
            obj.language = language_of_request()
            services.insert_user(obj)
            return
        given = {name: form.cleaned_data[name] for name in CHANGEABLE if name in form.cleaned_data}
        services.change_account(actor=signed_in_user(request), user=obj, **given)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deactivate instead: rooms and messages refer to their users."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A deleted account stays deleted: nobody could sign in to it."""
        deleted = obj is not None and obj.deleted_at is not None
        return not deleted and super().has_change_permission(request, obj)

    @admin.display(description=_("two-factor authentication"), boolean=True)
    def two_factor(self, user: User) -> bool:
        return two_factor_in_force(user) is not None

    def has_superuser_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.is_superuser

    @admin.action(description=_("Turn off two-factor authentication"), permissions=["superuser"])
    def switch_two_factor_off(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse | None:
        """For users who have lost their phone and their recovery codes; asks for confirmation."""
        if "sure" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": _("Turn off two-factor authentication"),
                "opts": self.opts,
                "users": queryset,
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/accounts/user/two_factor_off.html", context)
        others = [user for user in list(queryset) if not self._is_own(request, user)]
        switched = [user for user in others if services.remove_two_factor(user=user)]
        for user in switched:
            self.log_change(request, user, gettext("Two-factor authentication turned off."))
        names = ", ".join(user.account for user in switched) or "-"
        self.message_user(request, gettext("Turned off for: %(names)s") % {"names": names})
        return None

    @admin.action(description=_("Delete account and personal data"), permissions=["superuser"])
    def delete_personal_data(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse | None:
        """For users who ask for it, and for deletions that were interrupted; asks for
        confirmation."""
        if "sure" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": _("Delete account and personal data"),
                "opts": self.opts,
                "users": queryset,
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/accounts/user/delete_data.html", context)
        for user in list(queryset):
            if not self._is_own(request, user):
                self._delete_one(request, user)
        return None

    def _is_own(self, request: HttpRequest, user: User) -> bool:
        """The user's own page asks for password and second factor; an action must not be a way
        around it for somebody who found the browser open."""
        if user.pk != request.user.pk:
            return False
        text = OWN_PAGES
        if services.is_last_administrator(user):
            text = services.ONLY_ADMINISTRATOR
        self.message_user(request, text, messages.ERROR)
        return True

    def _delete_one(self, request: HttpRequest, user: User) -> None:
        account = user.account
        try:
            services.delete_account(user=user)
        except Forbidden as exc:
            self.message_user(request, f"{account}: {exc.detail}", messages.ERROR)
        else:
            self.log_change(request, user, gettext("Account and personal data deleted."))
            self.message_user(request, gettext("%(name)s has been deleted.") % {"name": account})


@admin.register(DeviceSession)
class DeviceSessionAdmin(AuditedAdmin):
    """Deleting a session signs the device out."""

    about_field = "user_id"
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

    def has_delete_permission(self, request: HttpRequest, obj: DeviceSession | None = None) -> bool:
        """Only superusers sign out devices of superusers and staff; owners have their own page."""
        allowed = obj is None or can_administer(signed_in_user(request), obj.user)
        return allowed and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: DeviceSession) -> None:
        services.sign_out(session=obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[DeviceSession]) -> None:
        for session in list(queryset):
            services.sign_out(session=session)
        super().delete_queryset(request, queryset)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """What staff have read. For superusers only, since the entries are about the other
    administrators."""

    list_display = ("created", "actor_identity", "action", "what", "subject", "shown")
    list_filter = ("action",)
    exact_search = ("actor_identity", "subject")
    part_search = ("about",)
    search_help_text = _("Identity of a user, a room or a message")
    ordering = ("-created_at",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)
