"""The signing key: PyJWT's own checks are made once."""

import pytest
from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidKeyError

from accounts.models import User
from accounts.signing import KnownKeys
from tests.api import Api

KEY = b"k" * 32
PUBLIC = b"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The keys that PyJWT checks."""
    looked: list[bytes] = []
    monkeypatch.setattr(HMACAlgorithm, "_is_der_key", looked.append)
    return looked


def test_a_key_is_looked_at_once(looks: list[bytes]) -> None:
    algorithm = KnownKeys()
    assert [algorithm.prepare_key(KEY) for _ in range(3)] == [KEY] * 3
    assert looks == [KEY]


def test_what_is_no_secret_is_refused_each_time() -> None:
    algorithm = KnownKeys()
    for _ in range(2):
        for wrong in (b"", b'{"kty": "oct"}', PUBLIC):
            with pytest.raises(InvalidKeyError):
                algorithm.prepare_key(wrong)


def test_all_tokens_are_read_that_way(alice: User, looks: list[bytes]) -> None:
    api = Api(alice)
    api.get("users/me/")
    looks.clear()
    assert api.get("users/me/").status_code == 200
    assert looks == []
