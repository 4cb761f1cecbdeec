"""Sending codes by mail."""

from dataclasses import dataclass

from django.conf import settings

from accounts import codes, mails
from accounts.canonical import valid_email
from accounts.codes import Purpose
from accounts.models import User
from accounts.selectors import find_by_sign_in_name
from imsystem.limits import Limit

# With five tries each, fifty guesses a day at one address: 1 in 20,000.
CODES_PER_ADDRESS = Limit("codes-address", amount=10, window_s=86_400)
# A school class behind one address registers within some minutes: the environment raises these.
CODES_PER_IP = Limit("codes-ip", amount=settings.CODES_PER_IP, window_s=600)
CODES_PER_IP_DAY = Limit("codes-ip-day", amount=settings.CODES_PER_IP_DAY, window_s=86_400)


@dataclass(frozen=True)
class SentCode:
    """How long the code is good, and when another may be asked for, in seconds."""

    expires_in: int
    retry_after: int


def send_code(*, email: str, purpose: Purpose, ip: str) -> SentCode:
    """Mails a code. Same answer and same work whether or not the address has an account.

    Whom the code would not help gets a mail that says so instead, with no code in it.
    """
    email = valid_email(email)
    CODES_PER_IP.take(ip)
    CODES_PER_IP_DAY.take(ip)
    codes.start_cooldown(purpose=purpose, email=email)
    CODES_PER_ADDRESS.take(email)
    user = find_by_sign_in_name(email)
    code = codes.issue(purpose=purpose, email=email)
    _mail_code(to=email, purpose=purpose, code=code, user=user)
    return SentCode(expires_in=settings.CODE_TTL_S, retry_after=settings.CODE_COOLDOWN_S)


def _mail_code(*, to: str, purpose: Purpose, code: str, user: User | None) -> None:
    if purpose is Purpose.RESET and (user is None or not user.is_active):
        mails.send_no_account(to=to)
    elif purpose is not Purpose.RESET and user is not None:
        mails.send_account_exists(to=to)
    else:
        mails.send_code(to=to, purpose=purpose, code=code)
