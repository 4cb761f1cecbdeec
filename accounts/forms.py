"""The forms of accounts. Names as in the API; the rules are the services'."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.canonical import valid_account, valid_email
from accounts.models import Sex
from accounts.pages import PageForm
from accounts.validators import MAX_PASSWORD_LENGTH
from imsystem.errors import BadRequest


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
    attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 6}
    return forms.CharField(
        label=_("Code from the e-mail"), max_length=20, widget=forms.TextInput(attrs=attrs)
    )


def _account(label: Any, autocomplete: str, **kwargs: Any) -> forms.CharField:
    attrs = {"autocomplete": autocomplete, "autocapitalize": "none", "spellcheck": "false"}
    return forms.CharField(
        label=label, max_length=254, widget=forms.TextInput(attrs=attrs), **kwargs
    )


def _checked(rule: Callable[[str], str], text: str, field: str) -> str:
    """The text as `rule` makes it; its refusal as the field's error, beside those of others."""
    try:
        return rule(text)
    except BadRequest as exc:
        raise forms.ValidationError(list(map(str, exc.errors[field]))) from None


class LoginForm(PageForm):
    account = _account(_("Account or e-mail"), "username")
    password = _password(_("Password"), "current-password")


class CodeForm(PageForm):
    """What "send code" needs of a form that is otherwise not filled in yet."""

    email = _email()

    def clean_email(self) -> str:
        return _checked(valid_email, self.cleaned_data["email"], "email")


class RegisterForm(CodeForm):
    code = _code()
    account = _account(
        _("Account"),
        "username",
        help_text=_(
            "1 to 32 letters a-z, digits, dots, dashes or underscores. Others find you by it."
        ),
    )
    password = _password(_("Password"), "new-password")
    nickname = forms.CharField(
        label=_("Nickname"),
        required=False,
        max_length=64,
        help_text=_("The name others see. You can change it at any time."),
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


class PasswordForm(PageForm):
    old_password = _password(_("Present password"), "current-password")
    new_password = _password(_("New password"), "new-password")
