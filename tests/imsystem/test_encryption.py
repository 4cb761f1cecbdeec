"""Sealed text: readable by this installation, for one purpose, and not when changed."""

from typing import Any

import pytest

from imsystem.encryption import DecryptionError, decrypt, encrypt


def test_it_comes_back() -> None:
    assert decrypt(encrypt("秘密 secret", purpose="test"), purpose="test") == "秘密 secret"


def test_it_says_nothing_and_never_looks_the_same() -> None:
    sealed = {encrypt("secret", purpose="test") for _ in range(10)}
    assert len(sealed) == 10
    assert not any("secret" in text for text in sealed)


@pytest.mark.parametrize("change", ["purpose", "text", "key", "nothing sealed"])
def test_anything_else_is_unreadable(settings: Any, change: str) -> None:
    sealed = encrypt("secret", purpose="test")
    purpose = "other" if change == "purpose" else "test"
    if change == "text":
        sealed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    if change == "key":
        settings.SECRET_KEY = "another" * 10
    if change == "nothing sealed":
        sealed = "plain é"
    with pytest.raises(DecryptionError):
        decrypt(sealed, purpose=purpose)


def test_former_keys_can_read(settings: Any) -> None:
    sealed = encrypt("secret", purpose="test")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert decrypt(sealed, purpose="test") == "secret"
