"""The forms of accounts. Fields have the API's names; the rules are the services'."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import authenticate
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from accounts.canonical import canonical_account, valid_account, valid_email
from accounts.choices import Audience
from accounts.models import Sex, User
from accounts.pages import PageForm
from accounts.selectors import two_factor_in_force
from accounts.validators import MAX_PASSWORD_LENGTH
from imsystem.errors import BadRequest

# Each language is named in itself: a user who looks for theirs may not be able to read this one.
LANGUAGES = [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES]


def _password(label: Any, autocomplete: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=MAX_PASSWORD_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


def _email() -> forms.CharField:
    # Not EmailField: it accepts addresses that accounts.canonical does not.
    attrs = {"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}
    return forms.CharField(label=_("E-mail"), max_length=254, widget=forms.EmailInput(attrs=attrs))


def _code() -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 20}
    return forms.CharField(
        label=_("Code from the e-mail"), max_length=20, widget=forms.TextInput(attrs=attrs)
    )


def _otp(help_text: Any, *, required: bool = True, **attrs: Any) -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", **attrs}
    return forms.CharField(
        label=_("Code"),
        required=required,
        max_length=64,
        help_text=help_text,
        widget=forms.TextInput(attrs=attrs),
    )


# Where either is accepted.
_APP_OR_RECOVERY = _("The 6-digit code from your authenticator app, or a recovery code.")


def _account(label: Any, autocomplete: str, **kwargs: Any) -> forms.CharField:
    attrs = {"autocomplete": autocomplete, "autocapitalize": "none", "spellcheck": "false"}
    return forms.CharField(
        label=label, max_length=254, widget=forms.TextInput(attrs=attrs), **kwargs
    )


def _checked(rule: Callable[[str], str], text: str, field: str) -> str:
    """Returns the text as `rule` makes it; a refusal becomes the field's error, beside those of
    others."""
    try:
        return rule(text)
    except BadRequest as exc:
        raise forms.ValidationError(list(map(str, exc.errors[field]))) from None


class LoginForm(PageForm):
    account = _account(_("Username or e-mail"), "username")
    password = _password(_("Password"), "current-password")


class LoginCodeForm(PageForm):
    otp = _otp(_APP_OR_RECOVERY, autofocus=True)


class AdminLoginForm(AdminAuthenticationForm):
    """Django admin's sign-in. One error for everything: it does not tell which part was wrong."""

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": _(
            "Enter the username and password of a staff account, and the code if "
            "two-factor authentication is on. Each code works once."
        ),
    }
    otp = _otp(_("Only if two-factor authentication is on for your account."), required=False)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if "username" in given and "password" in given:
            self.user_cache = authenticate(
                self.request,
                username=given["username"],
                password=given["password"],
                otp=given.get("otp", ""),
            )
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return given


class CodeForm(PageForm):
    """What "send code" needs of a form that is otherwise still empty."""

    email = _email()

    def clean_email(self) -> str:
        return _checked(valid_email, self.cleaned_data["email"], "email")


class RegisterForm(CodeForm):
    code = _code()
    account = _account(
        _("Username"),
        "username",
        help_text=_(
            "1 to 32 characters: letters a-z, digits, dots, hyphens or "
            "underscores. Other people can find you by it."
        ),
    )
    password = _password(_("Password"), "new-password")
    nickname = forms.CharField(
        label=_("Nickname"),
        required=False,
        max_length=64,
        help_text=_("The name other people see. You can change it at any time."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )

    def clean_account(self) -> str:
        return _checked(valid_account, self.cleaned_data["account"], "account")


class ResetForm(CodeForm):
    code = _code()
    password = _password(_("New password"), "new-password")


class ProfileForm(PageForm):
    nickname = forms.CharField(
        label=_("Nickname"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )
    sex = forms.TypedChoiceField(label=_("Sex"), choices=Sex.choices, coerce=int)
    language = forms.ChoiceField(
        label=_("Language"),
        choices=LANGUAGES,
        help_text=_("For these pages and e-mails to you."),
    )


class OwnPasswordForm(PageForm):
    password = _password(_("Password"), "current-password")


class PasswordAndOtpForm(OwnPasswordForm):
    otp = _otp(_APP_OR_RECOVERY)


class OwnOtpForm(PageForm):
    """Asks for the code, only of users who have two-factor authentication on."""

    otp = _otp(_APP_OR_RECOVERY)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if two_factor_in_force(user) is None:
            del self.fields["otp"]


class ConfirmForm(OwnOtpForm, OwnPasswordForm):
    """Asks for the password, and for the code if there is one."""

    field_order: Sequence[str] = ("password", "otp")


class PasswordForm(OwnOtpForm):
    old_password = _password(_("Current password"), "current-password")
    new_password = _password(_("New password"), "new-password")
    field_order = ("old_password", "new_password", "otp")


class EmailForm(ConfirmForm, CodeForm):
    """Changes the address. The code is the one that was mailed to the new one."""

    code = _code()
    field_order = ("email", "code", "password", "otp")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.fields["email"].label = _("New e-mail address")


class DeleteForm(ConfirmForm):
    account = _account(_("Username"), "off", help_text=_("Type your username to confirm."))
    field_order = ("account", "password", "otp")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self._account = user.account

    def clean_account(self) -> str:
        if canonical_account(self.cleaned_data["account"]) != self._account:
            raise forms.ValidationError(_("This is not your username."))
        return self._account


class PrivacyForm(PageForm):
    who_may_add = forms.ChoiceField(
        label=_("Who can add me"),
        choices=Audience.choices,
        help_text=_(
            "Add you to groups and start conversations with you. You can always "
            "start conversations yourself."
        ),
    )
    who_sees_online = forms.ChoiceField(
        label=_("Who can see when I'm online"),
        choices=Audience.choices,
        help_text=_("If you choose “Nobody”, you can't see when others are online either."),
    )
    read_receipts = forms.TypedChoiceField(
        label=_("Read receipts"),
        choices=[("on", _("On")), ("off", _("Off"))],
        coerce=lambda chosen: chosen == "on",
        help_text=_(
            "Others can see how far you have read, and you can see how far they "
            "have. If you turn this off, neither is shown."
        ),
    )


class AppCodeForm(PageForm):
    otp = _otp(_("The 6-digit code that the app shows now."))
