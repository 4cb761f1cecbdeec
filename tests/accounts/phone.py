"""A person's phone with an authenticator app, and the codes on their sheet of paper."""

import time
from dataclasses import dataclass
from datetime import timedelta

import pyotp
from time_machine import Traveller

from accounts import services
from accounts.models import User
from tests.accounts.conftest import PASSWORD


@dataclass
class Phone:
    secret: str
    recovery_codes: list[str]

    def code(self, steps: int = 0) -> str:
        """Returns what the app shows now, or so many half-minutes from now."""
        return pyotp.TOTP(self.secret).at(int(time.time()), counter_offset=steps)

    def wrong(self) -> str:
        """Returns six digits that are not a code of any step around now."""
        near = {self.code(steps) for steps in range(-5, 6)}
        return next(code for code in ("000000", "111111", "222222") if code not in near)


def enrol(user: User, clock: Traveller, password: str = PASSWORD) -> Phone:
    """Switches two-factor authentication on. The code that the app shows afterwards has not been
    used."""
    secret = services.begin_two_factor(user=user, password=password).secret
    phone = Phone(secret, [])
    phone.recovery_codes = services.confirm_two_factor(user=user, otp=phone.code())
    clock.shift(timedelta(seconds=30))
    return phone
