"""Codes of authenticator apps (TOTP, RFC 6238) and recovery codes: how they are made and read.

SHA-1, six digits, thirty seconds: the values that every app knows. The description of the key URI
format says that Google Authenticator ignores others, so that its codes would never match.
"""

import base64
import io
import re
import secrets
from hmac import compare_digest

import pyotp
import segno

from imsystem.text import folded

ISSUER = "IMSystem"  # what apps show above the account
STEP_S = 30
# A phone's clock may be off by one step, as much as RFC 6238 (5.2) recommends to allow.
DRIFT_STEPS = 1
RECOVERY_CODES = 10

_APP_CODE = re.compile(r"[0-9]{6}")
# 53 bits. Digits, so that one field with a phone's number pad takes both kinds of code, and no
# Chinese input method gets in the way.
_RECOVERY_DIGITS = 16
_RECOVERY_CODE = re.compile(rf"[0-9]{{{_RECOVERY_DIGITS}}}")


def new_secret() -> str:
    """Returns 160 random bits (RFC 4226, R6) in base 32: 32 characters."""
    return pyotp.random_base32()


def app_uri(secret: str, *, account: str) -> str:
    """Returns the otpauth:// address that authenticator apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)


def qr_code(text: str) -> str:
    """Returns a QR code of `text` as the data: URI of an SVG picture of any size, dark on white in
    every theme."""
    picture = io.BytesIO()
    looks = {"light": "white", "omitsize": True, "svgclass": None, "lineclass": None}
    segno.make(text, micro=False).save(picture, kind="svg", xmldecl=False, **looks)
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.getvalue()).decode()}"


def in_fours(text: str, separator: str) -> str:
    """Returns the text in groups of four characters, for people who copy it by hand."""
    return separator.join(text[start : start + 4] for start in range(0, len(text), 4))


def step_of(code: str, *, secret: str, at_ms: int, after: int) -> int | None:
    """Returns the number of the 30-second step whose code this is, about `at_ms` (Unix ms) and
    later than the step `after`; None when there is none. Spaces, dashes and widths do not matter.
    """
    digits = folded(code)
    if _APP_CODE.fullmatch(digits) is None:
        return None
    totp, now = pyotp.TOTP(secret), at_ms // 1000 // STEP_S
    steps = range(max(now - DRIFT_STEPS, after + 1), now + DRIFT_STEPS + 1)
    return next((step for step in steps if compare_digest(totp.generate_otp(step), digits)), None)


def new_recovery_code() -> str:
    """Returns sixteen random digits. People are shown them as `1234-5678-9012-3456`
    (`in_fours`)."""
    return f"{secrets.randbelow(10**_RECOVERY_DIGITS):0{_RECOVERY_DIGITS}}"


def read_recovery_code(text: str) -> str | None:
    """Returns the digits of a recovery code, however they are grouped; None for other texts."""
    digits = folded(text)
    return digits if _RECOVERY_CODE.fullmatch(digits) else None
