"""Where settings come from: the environment, then what `manage.py up` left in the data directory.

`up` runs databases on free ports and makes secrets on first start. It leaves both in the data
directory, so that `manage.py createsuperuser` in a second terminal finds the running system
without any configuration.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
ENDPOINTS_FILE = "endpoints.json"  # present while `up` runs: MONGODB_URL, REDIS_URL, EMAIL_URL
SECRETS_FILE = "secrets.json"  # made once: SECRET_KEY, JWT_SIGNING_KEY

# FileAwareEnv reads NAME_FILE in place of NAME, the convention of Docker and Kubernetes secrets.
env = environ.FileAwareEnv()
environ.Env.read_env(BASE_DIR / ".env")

DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()


def _read_json(path: Path) -> dict[str, str]:
    """The string values of a small JSON file; nothing when it is absent or unreadable."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in loaded.items() if isinstance(value, str)}


_local = _read_json(DATA_DIR / SECRETS_FILE) | _read_json(DATA_DIR / ENDPOINTS_FILE)


def setting(name: str, default: str = "") -> str:
    """The environment's value, else the one `up` left in the data directory, else `default`."""
    value: str = env.str(name, default=_local.get(name, default))
    return value


class Rate(NamedTuple):
    """`amount` in `window_s` seconds; an amount of 0 is no limit."""

    amount: int
    window_s: int


UNLIMITED = Rate(0, 1)
_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})(s|min|h|d)")
_UNIT_S = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


def rate(name: str, default: str) -> Rate:
    """A limit from the environment: `300/10s`, `20/1h`, or `off`. Raises ImproperlyConfigured."""
    text = env.str(name, default=default).strip()
    if text.lower() == "off":
        return UNLIMITED
    found = _RATE.fullmatch(text)
    if found is None:
        raise ImproperlyConfigured(f"{name} is {text!r}. Write it like {default}, or off.")
    return Rate(int(found[1]), int(found[2]) * _UNIT_S[found[3]])
