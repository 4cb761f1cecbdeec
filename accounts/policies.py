"""Rules about a user's own data that need no database."""

import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Protocol

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.canonical import canonical_domain, canonical_email
from accounts.choices import Audience
from accounts.errors import InvitationRequired, RegistrationClosed
from imsystem.errors import AppError, BadRequest
from imsystem.text import is_blank, is_plain_line, lookalike_keys, same_password

if TYPE_CHECKING:
    from accounts.models import User

NICKNAME_LENGTH = 64

# The flags that allow a user to sign in, to open the admin, and to do anything there.
STANDING = ("is_active", "is_staff", "is_superuser")
RIGHTS = frozenset({"is_staff", "is_superuser", "groups", "user_permissions"})
SIGN_IN_DATA = frozenset({"account", "email", "password", "is_active"})


# What the system calls itself, its administrators and deleted users, in both languages.
_OFFICIAL = frozenset(
    {"deleteduser", "已注销用户", "已注销", "imsystem", "system", "系统", "系统消息", "系统通知",
     "admin", "administrator", "管理员", "系统管理员"}
)  # fmt: skip


def valid_nickname(text: str, *, official: bool = False) -> str:
    """Returns the nickname without surrounding spaces. Raises BadRequest when the text cannot be
    one, or would be taken for the system's unless it is `official` (given by an administrator).

    Joiners (ZWJ) are allowed, because family emoji consist of them; a name of nothing else is not.
    """
    name = _valid_name(text, field="nickname")
    if not official and lookalike_keys(_letters(name)) & _official_keys():
        raise BadRequest(errors={"nickname": [_("This name is reserved. Choose another.")]})
    return name


@cache
def _official_keys() -> frozenset[str]:
    return frozenset().union(*map(lookalike_keys, _OFFICIAL))


def _letters(name: str) -> str:
    """Returns what people read of a name: without width, spaces and signs."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name)))


def valid_language(text: str) -> str:
    """Returns the code of an existing language. Raises BadRequest for others."""
    codes = [code for code, _name in settings.LANGUAGES]
    if text not in codes:
        told = _("Use one of these: %(codes)s.") % {"codes": ", ".join(codes)}
        raise BadRequest(errors={"language": [told]})
    return text


def language_of_request() -> str:
    """Returns the language in which the current request is answered, which a new account keeps."""
    active = get_language()
    return active if active in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def valid_device_name(text: str) -> str:
    """Returns a device's name: like a nickname, or "" for no name."""
    return _valid_name(text, field="name") if text else ""


def _valid_name(text: str, *, field: str) -> str:
    name = text.strip()
    if len(name) > NICKNAME_LENGTH or is_blank(name):
        raise BadRequest(errors={field: [_("Use 1 to 64 visible characters.")]})
    if not is_plain_line(name):
        raise BadRequest(errors={field: [_("Invisible characters are not allowed.")]})
    return name


class RegistrationRules(Protocol):
    """The settings that decide who may register."""

    REGISTRATION: str
    REGISTRATION_DOMAINS: list[str]


def registration_refusal(rules: RegistrationRules, invite: object | None = None) -> AppError | None:
    """Returns why nobody may register (without an invitation), or None if somebody may."""
    if rules.REGISTRATION == "open" or (rules.REGISTRATION == "invite" and invite is not None):
        return None
    return InvitationRequired() if rules.REGISTRATION == "invite" else RegistrationClosed()


def require_registration(
    rules: RegistrationRules, email: str, invite: object | None = None
) -> None:
    """Raises Forbidden or BadRequest unless the owner of this address may register. `invite` is a
    valid invitation, if there is one.

    It does not matter whether the address has an account, so the answer does not tell.
    """
    refusal = registration_refusal(rules, invite)
    if refusal is not None:
        raise refusal
    require_usable_address(rules, email)


def require_usable_address(rules: RegistrationRules, email: str) -> None:
    """Raises BadRequest for an address outside REGISTRATION_DOMAINS, if there are any. Subdomains
    are domains of their own."""
    allowed = _domains(tuple(rules.REGISTRATION_DOMAINS))
    if allowed and canonical_email(email).rpartition("@")[2] not in allowed:
        text = _("Addresses at this domain cannot be used on this server.")
        raise BadRequest(errors={"email": [text]})


@lru_cache(maxsize=8)
def _domains(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(canonical_domain, names))


def check_password_rules(password: str, user: AbstractBaseUser, *, field: str = "password") -> None:
    """Raises BadRequest, naming `field`, unless the password may be `user`'s. Hashes nothing."""
    try:
        validate_password(same_password(password), user)
    except ValidationError as exc:
        raise BadRequest(errors={field: exc.messages}) from None


def includes(audience: str, *, contact: bool) -> bool:
    """Returns whether a user belongs to an audience. `contact`: the two have a conversation."""
    return audience == Audience.EVERYONE or (audience == Audience.CONTACTS and contact)


def can_see_online(viewer: "User", user: "User", *, contact: bool) -> bool:
    """Returns whether `viewer` may know if `user` is online. Mutual: a user who hides sees nobody
    else either."""
    if viewer.pk == user.pk:
        return True
    hides = viewer.who_sees_online == Audience.NOBODY
    return not hides and includes(user.who_sees_online, contact=contact)


def can_administer(actor: "User", user: "User") -> bool:
    """Returns whether `actor`, in the admin, may change what `user` signs in with: name, address,
    devices. Somebody who reads the address can set a password and then has the rights of `user`:
    for superusers and staff only superusers may do this."""
    return actor.is_superuser or not (user.is_staff or user.is_superuser)


def fixed_fields(actor: "User", user: "User | None") -> frozenset[str]:
    """Returns the fields of an account that `actor` may not set in the admin; `user` is None for an
    account that is being added.

    Only superusers grant and withdraw rights. Users change their own address on their own page,
    which asks for the password and the second factor; a browser that was left open has neither.
    """
    fixed = frozenset[str]() if actor.is_superuser else RIGHTS
    if user is None:
        return fixed
    if not can_administer(actor, user):
        return fixed | SIGN_IN_DATA
    return fixed | {"email"} if actor.pk == user.pk else fixed
