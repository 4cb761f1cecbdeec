"""Argon2id with OWASP's minimum; hashes are renewed at sign-in when the parameters change."""

from threading import BoundedSemaphore

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password

from accounts import hashers
from accounts.hashers import Argon2Hasher
from accounts.models import User
from imsystem.errors import Unavailable
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("full_hashes")


def test_the_parameters_are_in_the_hash() -> None:
    encoded = make_password(PASSWORD)
    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert isinstance(identify_hasher(encoded), Argon2Hasher)
    assert check_password(PASSWORD, encoded)
    assert not check_password(PASSWORD + " ", encoded)


def test_an_old_hash_is_renewed_on_sign_in(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Argon2Hasher, "time_cost", 1)
        alice.set_password(PASSWORD)
        alice.save()
    assert ",t=1," in alice.password
    assert alice.check_password(PASSWORD)
    assert ",t=2," in User.objects.get(pk=alice.pk).password


def test_a_flood_of_sign_ins_is_told_to_come_back(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = BoundedSemaphore(1)
    monkeypatch.setattr(hashers, "_slots", slots)
    monkeypatch.setattr(hashers, "WAIT_S", 0.01)
    with slots, pytest.raises(Unavailable):
        alice.check_password(PASSWORD)
    assert alice.check_password(PASSWORD)
