"""The signature of tokens: HS256 as PyJWT has it, but the key is checked once.

PyJWT checks at each token whether a certificate or a JSON Web Key was given as the secret: a
quarter of the 59 microseconds that a token takes, and more when the code is cold.
"""

from functools import lru_cache

import jwt
from jwt.algorithms import HMACAlgorithm


class KnownKeys(HMACAlgorithm):
    def __init__(self) -> None:
        super().__init__(HMACAlgorithm.SHA256)
        self.prepare_key = lru_cache(maxsize=4)(super().prepare_key)  # type: ignore[method-assign]


def look_at_keys_once() -> None:
    """Applies to HS256, everywhere in this process."""
    jwt.unregister_algorithm("HS256")
    jwt.register_algorithm("HS256", KnownKeys())
