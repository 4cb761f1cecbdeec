"""Text in a database that only this installation can read: encrypted with a key from SECRET_KEY.

It is for values that are needed again, unlike passwords and codes, which are only hashed. The
method is Fernet (AES-128-CBC with HMAC-SHA256) of the `cryptography` package. Former keys stay
readable through SECRET_KEY_FALLBACKS.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class DecryptionError(Exception):
    """The text was changed, encrypted for another purpose, or with a key that is gone."""


def encrypt(text: str, *, purpose: str) -> str:
    """Returns `text` encrypted for this purpose only."""
    return _cipher(purpose).encrypt(text.encode()).decode()


def decrypt(sealed: str, *, purpose: str) -> str:
    """Returns the text that was encrypted. Raises DecryptionError."""
    try:
        return _cipher(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise DecryptionError from None


def _cipher(purpose: str) -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_derived(key, purpose)) for key in keys])


def _derived(key: str, purpose: str) -> bytes:
    # HKDF (RFC 5869) without salt: SECRET_KEY is random already, only the purposes have to differ.
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"imsystem {purpose}".encode())
    return base64.urlsafe_b64encode(kdf.derive(key.encode()))
