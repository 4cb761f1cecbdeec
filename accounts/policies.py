"""Rules about a person's own data that need no database."""

from typing import TYPE_CHECKING

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.choices import Audience
from imsystem.errors import BadRequest
from imsystem.text import has_control, is_blank

if TYPE_CHECKING:
    from accounts.models import User

NICKNAME_LENGTH = 64

# The flags by which somebody may sign in, open the administration, and do anything there.
STANDING = ("is_active", "is_staff", "is_superuser")
RIGHTS = frozenset({"is_staff", "is_superuser", "groups", "user_permissions"})
SIGN_IN_DATA = frozenset({"account", "email", "password", "is_active"})

# Letters and symbols that are drawn as nothing: Hangul fillers, the Braille blank.
_BLANK_LETTERS = dict.fromkeys(map(ord, "\u115f\u1160\u3164\uffa0\u2800"), " ")
# These reverse the text that follows, also outside the name ("gpj.exe"); line separators break it.
_DIRECTION_CONTROLS = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
)


def draws_nothing(text: str) -> bool:
    """True when there is nothing to see of a name: spaces, invisible characters, empty letters."""
    return is_blank(text.translate(_BLANK_LETTERS))


def valid_nickname(text: str) -> str:
    """The nickname without surrounding spaces; raises BadRequest when it cannot be one.

    Joiners (ZWJ) are allowed, family emoji are made of them; a name of nothing else is not.
    """
    return _valid_name(text, field="nickname")


def valid_device_name(text: str) -> str:
    """What its owner calls a device: like a nickname, or "" for no name."""
    return _valid_name(text, field="name") if text else ""


def _valid_name(text: str, *, field: str) -> str:
    name = text.strip()
    if len(name) > NICKNAME_LENGTH or draws_nothing(name):
        raise BadRequest(errors={field: [_("Use 1 to 64 visible characters.")]})
    if has_control(name) or not _DIRECTION_CONTROLS.isdisjoint(name):
        raise BadRequest(errors={field: [_("Control characters are not allowed.")]})
    return name


def check_password_rules(password: str, user: AbstractBaseUser, *, field: str = "password") -> None:
    """Raises BadRequest, naming `field`, unless the password may be `user`'s. Hashes nothing."""
    try:
        validate_password(password, user)
    except ValidationError as exc:
        raise BadRequest(errors={field: exc.messages}) from None


def includes(audience: str, *, contact: bool) -> bool:
    """Whether somebody belongs to an audience. `contact`: the two have a conversation."""
    return audience == Audience.EVERYONE or (audience == Audience.CONTACTS and contact)


def may_see_online(viewer: "User", user: "User", *, contact: bool) -> bool:
    """Whether `viewer` may know if `user` is online. Mutual: who hides sees nobody else either."""
    if viewer.pk == user.pk:
        return True
    hides = viewer.who_sees_online == Audience.NOBODY
    return not hides and includes(user.who_sees_online, contact=contact)


def may_administer(actor: "User", user: "User") -> bool:
    """Whether `actor`, in the administration, may touch what `user` signs in with: name, address,
    devices. Whoever reads the address can set a password, and then has the rights of `user`: those
    of superusers and staff are the business of superusers only."""
    return actor.is_superuser or not (user.is_staff or user.is_superuser)


def fixed_fields(actor: "User", user: "User | None") -> frozenset[str]:
    """The fields of an account that `actor` may not set in the administration; `user` is None for
    an account that is being added.

    Rights are given and taken by superusers only. One's own address is changed on the own page,
    which asks for the password and the second factor; a browser that was left open has neither.
    """
    fixed = frozenset[str]() if actor.is_superuser else RIGHTS
    if user is None:
        return fixed
    if not may_administer(actor, user):
        return fixed | SIGN_IN_DATA
    return fixed | {"email"} if actor.pk == user.pk else fixed
