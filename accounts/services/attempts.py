"""How often passwords and second factors may be tried, so that nobody uses up the owner's tries.

A try comes from one of three places, and each has a count of its own (docs/decisions/accounts.md):

- the owner's device, known by its cookie (accounts.trusted_devices);
- a source from which the owner has signed in before (accounts.known_sources);
- anywhere else. Strangers share an allowance for each name, so that many sources are no way to
  many tries. When they have used it up, a new device in a new place is let in after a reset by
  mail, which starts all counts anew.

Passwords are counted by what was typed. If an account's name and its address shared a count,
wrong tries at one would tell a stranger that the other belongs to it.
"""

from dataclasses import dataclass

from accounts.canonical import sign_in_name
from accounts.known_sources import is_known
from accounts.models import User
from accounts.trusted_devices import device_of
from imsystem.clock import now_ms
from imsystem.errors import RateLimited
from imsystem.limits import Allowance, GrowingDelay
from imsystem.redis import key as redis_key
from imsystem.redis import secret_name, sync_redis
from imsystem.sources import source_of

# From one place: five tries at once, then after 30 s, 60 s, ... up to a quarter of an hour, about
# 100 a day. Success resets the count.
PASSWORD_FAILURES = GrowingDelay("password", free=5, first_s=30, longest_s=900)
# All strangers together, for each name and each address.
FAILURES_PER_NAME = Allowance("password-name", amount=50, window_s=86_400)
# One source, at all names that nobody has signed in with from there.
FAILURES_PER_SOURCE = Allowance("password-source", amount=100, window_s=600)
# Three codes of a million are valid at any moment. Five guesses at once, then after 1, 2, 4, ... 60
# minutes: about 30 in the first day, a chance of 1 in 10,000 for somebody who already has the
# password.
OTP_FAILURES = GrowingDelay("otp", free=5, first_s=60, longest_s=3_600)
# No count of passwords outlives two days.
ANEW_FOR_S = 2 * 86_400

Key = tuple[str, ...]


@dataclass(frozen=True)
class Tries:
    """The counts that one try falls under."""

    delay: GrowingDelay
    key: Key
    shared: tuple[tuple[Allowance, Key], ...] = ()

    def take(self) -> None:
        """Counts one try before it is judged, so that parallel guesses do not slip through. Raises
        RateLimited, and counts nothing."""
        taken = []
        try:
            for allowance, key in self.shared:
                allowance.take(*key)
                taken.append((allowance, key))
            self.delay.take(*self.key)
        except RateLimited:
            for allowance, key in taken:
                allowance.give_back(*key)
            raise

    def forgive(self) -> None:
        """Takes the try back: it was right."""
        self.delay.forgive(*self.key)
        for allowance, key in self.shared:
            allowance.give_back(*key)


def password_tries(typed: str, user: User | None, *, ip: str, device_token: str) -> Tries:
    """Returns the counts of a try at the password of `typed`, which is the name or address of
    `user`."""
    device = device_of(device_token, user)
    if user is not None and device:
        return Tries(PASSWORD_FAILURES, ("device", user.identity, device))
    name, source = sign_in_name(typed), source_of(ip)
    since = _counted_since(name)
    here = ("source", name, since, source)
    if is_known(name, source):
        return Tries(PASSWORD_FAILURES, here)
    shared = ((FAILURES_PER_SOURCE, (source,)), (FAILURES_PER_NAME, (name, since)))
    return Tries(PASSWORD_FAILURES, here, shared)


def password_tries_of(user: User) -> Tries:
    """Returns the counts of a signed-in user who is asked for the password again."""
    return Tries(PASSWORD_FAILURES, ("signed in", user.identity))


def otp_tries(user: User, *, ip: str, device_token: str) -> Tries:
    """Returns the counts of a second factor at the sign-in. Anybody who gets this far has the
    password, so strangers share one count however many sources they have."""
    device, source = device_of(device_token, user), source_of(ip)
    if device:
        place = f"device {device}"
    else:
        place = f"source {source}" if is_known(user.account, source) else "elsewhere"
    return _otp_tries(user, place)


def otp_tries_of(user: User) -> Tries:
    """Returns the same for a signed-in user: tries at the sign-in do not use these up."""
    return _otp_tries(user, "signed in")


def _otp_tries(user: User, place: str) -> Tries:
    # Anybody who guesses here has the password. A reset by mail starts a new count; a change of the
    # password needs a valid code first, so it cannot reset the count.
    return Tries(OTP_FAILURES, (user.identity, str(user.password_set_at), place))


def start_anew(user: User) -> None:
    """A new password was set: everything counted at the user's name and address is void."""
    with sync_redis().pipeline(transaction=False) as pipe:
        for name in (user.account, user.email):
            pipe.set(_since_key(name), now_ms(), ex=ANEW_FOR_S)
        pipe.execute()


def _counted_since(name: str) -> str:
    value = sync_redis().get(_since_key(name))
    return value.decode() if isinstance(value, bytes) else ""


def _since_key(name: str) -> str:
    return redis_key("counted-since", secret_name(name))
