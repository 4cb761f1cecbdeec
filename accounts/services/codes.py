"""Sending codes by mail."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.utils import translation

from accounts import codes, mails
from accounts.canonical import valid_email
from accounts.codes import Purpose
from accounts.known_sources import is_known
from accounts.models import User
from accounts.policies import language_of_request, require_registration, require_usable_address
from accounts.selectors import find_by_sign_in_name
from accounts.trusted_devices import device_of
from imsystem.errors import RateLimited
from imsystem.limits import Limit
from imsystem.sources import source_of

DAY_S = 86_400
# The owner's device, and a source they have signed in from: their own count.
CODES_IN_A_KNOWN_PLACE = Limit("codes-known", amount=10, window_s=DAY_S)
# All strangers together, for one address: the first code that each source requests, and all others.
# So somebody who asks again and again from a few sources leaves a code for others.
FIRST_HERE = Limit("codes-first-here", amount=1, window_s=DAY_S)
FIRST_CODES = Limit("codes-first", amount=10, window_s=DAY_S)
MORE_CODES = Limit("codes-more", amount=5, window_s=DAY_S)
# Signed-in users who want another address: each of them, and all for one address.
CODES_PER_USER = Limit("codes-user", amount=10, window_s=DAY_S)
CODES_OF_USERS = Limit("codes-users", amount=20, window_s=DAY_S)
# A school class behind one address registers within some minutes: the environment raises these.
CODES_PER_IP = Limit("codes-ip", amount=settings.CODES_PER_IP, window_s=600)
CODES_PER_IP_DAY = Limit("codes-ip-day", amount=settings.CODES_PER_IP_DAY, window_s=DAY_S)
# Codes typed there, right and wrong ones: a few for each that may be requested.
CODES_TYPED_PER_IP = Limit("codes-typed", amount=4 * settings.CODES_PER_IP, window_s=600)


@dataclass(frozen=True)
class SentCode:
    """How long the code is valid, and when another may be requested, in seconds."""

    expires_in: int
    retry_after: int


@dataclass(frozen=True)
class Asker:
    """Who asks for a code, or types one. `user`: the signed-in user, for whom nothing else
    counts."""

    ip: str = ""
    device_token: str = ""
    user: User | None = None

    def place(self, owner: User | None) -> str:
        """Returns the name under which a code for an address of `owner` is kept for them."""
        if self.user is not None:
            return f"user {self.user.identity}"
        device = device_of(self.device_token, owner)
        return f"device {device}" if device else f"source {source_of(self.ip)}"


def send_code(
    *, email: str, purpose: Purpose, ip: str, device_token: str = "", user: User | None = None
) -> SentCode:
    """Mails a code. The answer and the work are the same whether or not the address has an account.

    If the code would be of no use, the mail says so instead and has no code in it. `user` is the
    signed-in one, for a change of their address. An address that may not be used here gets no mail:
    Forbidden or BadRequest, before anything is looked up.
    """
    if purpose is Purpose.REGISTER:
        require_registration(settings, email)
    elif purpose is Purpose.CHANGE_EMAIL:
        require_usable_address(settings, email)
    email = valid_email(email)
    owner = find_by_sign_in_name(email)
    asker = Asker(ip, device_token, user)
    place = asker.place(owner)
    known = asker.user is not None or _is_known(email, place, asker)
    if not known:
        CODES_PER_IP.take(source_of(ip))
        CODES_PER_IP_DAY.take(source_of(ip))
    codes.start_cooldown(purpose=purpose, email=email, place=place)
    _count(email, place, asker, known=known)
    code = codes.issue(purpose=purpose, email=email, place=place)
    _mail_code(to=email, purpose=purpose, code=code, user=owner)
    return SentCode(expires_in=settings.CODE_TTL_S, retry_after=settings.CODE_COOLDOWN_S)


def _is_known(email: str, place: str, asker: Asker) -> bool:
    return place.startswith("device ") or is_known(email, source_of(asker.ip))


def _count(email: str, place: str, asker: Asker, *, known: bool) -> None:
    """Raises RateLimited. Nobody uses up what others need (docs/decisions/accounts.md)."""
    if asker.user is not None:
        CODES_PER_USER.take(asker.user.identity)
        CODES_OF_USERS.take(email)
    elif known:
        CODES_IN_A_KNOWN_PLACE.take(email, place)
    else:
        _count_stranger(email, source_of(asker.ip))


def _count_stranger(email: str, source: str) -> None:
    try:
        FIRST_HERE.take(email, source)
    except RateLimited:
        MORE_CODES.take(email)
    else:
        FIRST_CODES.take(email)


@contextmanager
def entered(
    *, email: str, purpose: Purpose, code: str, asker: Asker, owner: User | None = None
) -> Iterator[None]:
    """Uses the code up for the block, which gives it back when it fails. `owner` is the user with
    that address. Raises BadRequest at `code`, and RateLimited for a source with too many tries."""
    place = asker.place(owner)
    if asker.user is None and not _is_known(email, place, asker):
        CODES_TYPED_PER_IP.take(source_of(asker.ip))
    with codes.consumed(purpose=purpose, email=email, code=code, place=place):
        yield


def _mail_code(*, to: str, purpose: Purpose, code: str, user: User | None) -> None:
    """In the language of the address's owner, if there is one; otherwise in that of the request."""
    with translation.override(user.language if user else language_of_request()):
        _mail_what_helps(to=to, purpose=purpose, code=code, user=user)


def _mail_what_helps(*, to: str, purpose: Purpose, code: str, user: User | None) -> None:
    if purpose is Purpose.RESET and (user is None or not user.is_active):
        mails.send_no_account(to=to)
    elif purpose is not Purpose.RESET and user is not None:
        mails.send_account_exists(to=to)
    else:
        mails.send_code(to=to, purpose=purpose, code=code)
