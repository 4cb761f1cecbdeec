"""The places from which an account's owner has signed in before, for each name they sign in with.

Kept in Redis under an HMAC of name and source. It is asked at each try at a password, and asking
costs the same whether or not a name has an account.
"""

from accounts.models import User
from imsystem.redis import key, secret_name, sync_redis
from imsystem.sources import UNKNOWN

# As long as ended device sessions are kept (known_devices.KEPT_MS).
KEPT_S = 90 * 24 * 3600


def is_known(name: str, source: str) -> bool:
    """Returns whether the owner of this name or address (`sign_in_name`) has signed in from this
    source."""
    return bool(sync_redis().exists(_key(name, source)))


def remember(user: User, source: str) -> None:
    """Notes that the user has signed in from there. A missing address makes nobody known."""
    if source == UNKNOWN:
        return
    with sync_redis().pipeline(transaction=False) as pipe:
        for name in (user.account, user.email):
            pipe.set(_key(name, source), 1, ex=KEPT_S)
        pipe.execute()


def _key(name: str, source: str) -> str:
    return key("known", secret_name(name, source))
