"""Rules about a person's own data that need no database."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from imsystem.errors import BadRequest
from imsystem.text import has_control, is_blank

NICKNAME_LENGTH = 64

# Letters and symbols that are drawn as nothing: Hangul fillers, the Braille blank.
_BLANK_LETTERS = dict.fromkeys(map(ord, "\u115f\u1160\u3164\uffa0\u2800"), " ")
# These reverse the text that follows, also outside the name ("gpj.exe"); line separators break it.
_DIRECTION_CONTROLS = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
)


def valid_nickname(text: str) -> str:
    """The nickname without surrounding spaces; raises BadRequest when it cannot be one.

    Joiners (ZWJ) are allowed, family emoji are made of them; a name of nothing else is not.
    """
    nickname = text.strip()
    if len(nickname) > NICKNAME_LENGTH or is_blank(nickname.translate(_BLANK_LETTERS)):
        raise BadRequest(errors={"nickname": [_("Use 1 to 64 visible characters.")]})
    if has_control(nickname) or not _DIRECTION_CONTROLS.isdisjoint(nickname):
        raise BadRequest(errors={"nickname": [_("Control characters are not allowed.")]})
    return nickname


def check_password_rules(password: str, user: AbstractBaseUser, *, field: str = "password") -> None:
    """Raises BadRequest, naming `field`, unless the password may be `user`'s. Hashes nothing."""
    try:
        validate_password(password, user)
    except ValidationError as exc:
        raise BadRequest(errors={field: exc.messages}) from None
