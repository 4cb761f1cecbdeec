"""Password rules beside Django's own (settings.AUTH_PASSWORD_VALIDATORS puts them in order)."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MAX_PASSWORD_LENGTH = 128


class MaximumLengthValidator:
    """At most `max_length` characters: nobody types more, and a megabyte is not worth hashing."""

    def __init__(self, max_length: int = MAX_PASSWORD_LENGTH) -> None:
        self.max_length = max_length

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        if len(password) > self.max_length:
            message = ngettext(
                "This password is too long. It must contain at most %(max_length)d character.",
                "This password is too long. It must contain at most %(max_length)d characters.",
                self.max_length,
            )
            raise ValidationError(
                message, code="password_too_long", params={"max_length": self.max_length}
            )

    def get_help_text(self) -> str:
        return ngettext(
            "Your password must contain at most %(max_length)d character.",
            "Your password must contain at most %(max_length)d characters.",
            self.max_length,
        ) % {"max_length": self.max_length}


class NotTheAccountValidator:
    """Not the username or the e-mail address, in any case."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        names = {getattr(user, name, "").casefold() for name in ("account", "email")} - {""}
        if password.strip().casefold() in names:
            raise ValidationError(
                _("The password must not be the username or the e-mail address."),
                code="password_is_account",
            )

    def get_help_text(self) -> str:
        return _("Your password must not be your username or your e-mail address.")
