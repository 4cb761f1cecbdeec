"""Inserts that the driver sends twice."""

from typing import Any

import pytest
from django.db import IntegrityError, models

from accounts.models import Avatar, User
from tests.conftest import new_user


def store_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt of an insert arrives and its answer does not; the driver's second one is
    refused as a duplicate."""
    save = models.Model.save

    def twice(self: models.Model, **options: Any) -> None:
        save(self, **options)
        self._state.adding = True
        save(self, **options)

    monkeypatch.setattr(models.Model, "save", twice)


def test_an_insert_that_arrived_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    user = new_user("ann")
    store_first(monkeypatch)
    avatar = Avatar(user=user, data=b"picture")
    avatar.save(force_insert=True)
    assert Avatar.objects.count() == 1
    assert not avatar._state.adding


def test_somebody_else_s_duplicate_is_an_error() -> None:
    ann = new_user("ann")
    other = User(account=ann.account, nickname="Other", email="other@example.org", password="!")
    with pytest.raises(IntegrityError):
        other.save(force_insert=True)
    assert User.objects.count() == 1


def test_an_identity_that_is_taken_is_an_error() -> None:
    ann = new_user("ann")
    other = User(pk=ann.pk, account="other", nickname="O", email="o@example.org", password="!")
    other.created_at = ann.created_at - 1
    with pytest.raises(IntegrityError):
        other.save(force_insert=True)
