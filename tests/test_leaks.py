"""The guard over the logs of the whole suite finds what it is there for, and only that."""

import logging
from pathlib import Path

import pytest

from accounts import codes
from accounts.codes import Purpose
from accounts.models import User
from tests import leaks
from tests.api import Api
from tests.conftest import new_user

logger = logging.getLogger("imsystem.test")


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests leak on purpose does not fail the session."""
    monkeypatch.setattr(leaks, "found", [])


@pytest.fixture
def alice() -> User:
    return new_user("alice")


def test_a_token(alice: User) -> None:
    api = Api(alice)
    logger.warning("somebody came with %s", api.headers)
    logger.warning("and again: %s", api.refresh)
    assert len(leaks.found) == 2


def test_a_code() -> None:
    code = codes.issue(purpose=Purpose.REGISTER, email="a@example.org")
    logger.error("the code is %s", code)
    logger.error("the number is %s", f"{int(code) + 1:06}")
    assert leaks.found == [f"['{code}']: " + leaks.found[0].partition(": ")[2]]


def test_a_password_and_its_hash(alice: User) -> None:
    alice.set_password("correct horse battery")
    logger.error("%s", alice.password)
    logger.error("%s tried correct horse battery", alice.pk)
    assert len(leaks.found) == 2


def test_a_text_in_the_traceback_of_an_error(alice: User) -> None:
    Api(alice).post("rooms/none/messages/", {"client_id": "c", "data": "Zitronenkuchen"})
    try:
        raise ValueError("cannot store Zitronenkuchen")
    except ValueError:
        logger.exception("a request failed")
    assert len(leaks.found) == 1


def test_the_log_of_a_whole_system(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text('"GET /ws/?ticket=abc" 101\nready after 2 s\n')
    leaks.look_into_files(log)
    assert leaks.found == ["['?ticket=a']: web.log"]


def test_ordinary_lines_are_none() -> None:
    logger.warning("socket of 65f2c0ffee0123456789abcd is gone: %r", TimeoutError("after 123456 s"))
    assert leaks.found == []
