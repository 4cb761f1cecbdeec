"""Where settings come from: the environment, then what `manage.py up` left in the data directory.

`up` runs databases on free ports and makes secrets on its first start. It leaves both in the data
directory, so that `manage.py createsuperuser` in a second terminal finds the running system without
any configuration.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

BASE_DIR = Path(__file__).resolve().parent.parent
ENDPOINTS_FILE = "endpoints.json"  # present while `up` runs: MONGODB_URL, REDIS_URL, EMAIL_URL
SECRETS_FILE = "secrets.json"  # made once: SECRET_KEY, JWT_SIGNING_KEY


class Environment(environ.FileAwareEnv):  # type: ignore[misc]
    """Environment variables, or the files that NAME_FILE names (Docker and Kubernetes secrets).

    A value is taken as it is: django-environ reads `$OTHER` as the name of another variable, so a
    password that begins with `$` was "not set" or silently another one. What cannot be read raises
    ImproperlyConfigured with one line, which `manage.py` prints instead of a traceback.
    """

    ENVIRON = FileAwareMapping(cache=False)

    def get_value(
        self, var: str, cast: Any = None, default: Any = None, parse_default: bool = False
    ) -> Any:
        """Returns the value as `cast`, or `default` if the variable is missing or is empty."""
        text = self._text(var)
        if not text:
            return default
        if cast is bool:
            return _as_bool(var, text)
        try:
            return self.parse_value(text, cast)
        except ValueError:
            raise ImproperlyConfigured(f"{var} is {text!r}, which is not a whole number.") from None

    def _text(self, var: str) -> str:
        try:
            value: str = self.ENVIRON.get(var, "")
        except (OSError, UnicodeDecodeError) as exc:
            reason = getattr(exc, "strerror", None) or "it is not UTF-8 text"
            raise ImproperlyConfigured(
                f"{var}_FILE names a file that cannot be read: {reason}."
            ) from None
        return value.rstrip("\r\n")  # secret files usually end with a line break


_TRUE, _FALSE = ("true", "on", "yes", "y", "ok", "1"), ("false", "off", "no", "n", "0")


def _as_bool(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE + _FALSE:
        raise ImproperlyConfigured(f"{name} is {text!r}. Write on or off.")
    return word in _TRUE


env = Environment()
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


def integer(name: str, default: int, *, least: int = 0) -> int:
    """Returns a whole number of at least `least`. Raises ImproperlyConfigured."""
    value: int = env.int(name, default=default)
    if value < least:
        raise ImproperlyConfigured(f"{name} is {value}. The least it can be is {least}.")
    return value


def choice(name: str, default: str, words: Sequence[str]) -> str:
    """Returns one of the words, whatever its case was. Raises ImproperlyConfigured."""
    value: str = env.str(name, default=default).strip()
    found = next((word for word in words if word.lower() == value.lower()), None)
    if found is None:
        raise ImproperlyConfigured(f"{name} is {value!r}. It is one of {', '.join(words)}.")
    return found


class Rate(NamedTuple):
    """`amount` in `window_s` seconds; an amount of 0 means no limit."""

    amount: int
    window_s: int


UNLIMITED = Rate(0, 1)
_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})(s|min|h|d)")
_UNIT_S = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


def rate(name: str, default: str) -> Rate:
    """Returns a limit from the environment: `300/10s`, `20/1h`, or `off`. Raises
    ImproperlyConfigured."""
    text = env.str(name, default=default).strip()
    if text.lower() == "off":
        return UNLIMITED
    found = _RATE.fullmatch(text)
    if found is None:
        raise ImproperlyConfigured(f"{name} is {text!r}. Write it like {default}, or off.")
    return Rate(int(found[1]), int(found[2]) * _UNIT_S[found[3]])
