"""The canonical form of a username and of an address: what is stored, indexed and compared.

Exact matches on a canonical column replace `iexact`, which is an unescaped regular expression on
django-mongodb-backend 5.2.
"""

import re
import unicodedata

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _

from imsystem.errors import BadRequest
from imsystem.text import without_hidden

ACCOUNT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?")
# As in DNS: labels of letters, digits and dashes.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# Names that people would take for the system's or for a part of an address.
RESERVED_ACCOUNTS = frozenset({"admin", "administrator", "me", "root", "system", "support", "all"})
# Prefix of a deleted account's username; its identity follows (services/account_deletion.py).
DELETED_PREFIX = "deleted-"

_validate_email = EmailValidator()
# Quoted local parts may hold control characters; mail libraries decode `=?utf-8?q?bob?=@x.cn` to
# bob@x.cn, so that one address would get the mail of another.
_AMBIGUOUS = ('"', "=?")


def canonical_account(text: str) -> str:
    """Lower case, no surrounding spaces, compatibility forms folded (NFKC). Checks nothing."""
    return without_hidden(unicodedata.normalize("NFKC", text)).lower()


def canonical_email(text: str) -> str:
    """Lower case, no surrounding spaces, `＠` as `@` (NFKC). Checks nothing."""
    return without_hidden(unicodedata.normalize("NFKC", text)).lower()


def sign_in_name(text: str) -> str:
    """Returns the form in which a typed username or address is compared."""
    email = canonical_email(text)
    return email if "@" in email else canonical_account(text)


def canonical_domain(text: str) -> str:
    """Returns a domain as it appears in a canonical address: ASCII (IDNA 2008) and lower case.

    Raises ValueError when the text is not a domain.
    """
    domain = text.strip().lower()
    if not domain.isascii():
        domain = idna.encode(domain, uts46=True).decode()  # IDNAError is a ValueError
    if _DOMAIN.fullmatch(domain) is None:
        raise ValueError(f"{text!r} is not a domain")
    return domain


def valid_account(text: str) -> str:
    """Returns the canonical username. Raises BadRequest when the text cannot be one.

    ASCII only: letters that look alike in two scripts must not make two users look alike.
    """
    account = canonical_account(text)
    if account in RESERVED_ACCOUNTS or account.startswith(DELETED_PREFIX):
        raise BadRequest(errors={"account": [_("This username is reserved.")]})
    if ACCOUNT.fullmatch(account) is None:
        raise BadRequest(
            errors={
                "account": [
                    _("Use 1 to 32 characters: letters a-z, digits, dots, hyphens or underscores.")
                ]
            }
        )
    return account


def valid_email(text: str) -> str:
    """Returns the canonical address. Raises BadRequest when the text is not a plain ASCII
    address."""
    email = canonical_email(text)
    try:
        if not email.isascii() or len(email) > 254 or any(part in email for part in _AMBIGUOUS):
            raise ValidationError("not plain ASCII, or too long")
        _validate_email(email)
    except ValidationError:
        raise BadRequest(errors={"email": [_("Enter a valid e-mail address.")]}) from None
    return email
