"""Settings from the environment: taken as they are, or refused with one line. No database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from imsystem.env import Environment, Rate, choice, env, integer, rate, setting
from tests.up import manage


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the variable IM_TEST."""
    return lambda text: monkeypatch.setenv("IM_TEST", text)


@pytest.mark.parametrize("text", ["$ecret", "$PATH", "$", "a$b", r"\$a", "#1", "a/b", " a "])
def test_text_is_taken_as_it_is(variable: Callable[[str], None], text: str) -> None:
    variable(text)
    assert (env.str("IM_TEST"), setting("IM_TEST")) == (text, text)


def test_a_file_holds_the_value_up_to_its_last_line_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("$one\n")
    monkeypatch.setenv("IM_TEST_FILE", str(tmp_path / "secret"))
    assert Environment().str("IM_TEST") == "$one"


@pytest.mark.parametrize("text", ["on", "True", "1", "YES"])
def test_words_for_on(variable: Callable[[str], None], text: str) -> None:
    variable(text)
    assert env.bool("IM_TEST", default=False) is True


@pytest.mark.parametrize("text", ["off", "False", "0", "No"])
def test_words_for_off(variable: Callable[[str], None], text: str) -> None:
    variable(text)
    assert env.bool("IM_TEST", default=True) is False


def test_empty_is_the_default(variable: Callable[[str], None]) -> None:
    variable("")
    assert (env.bool("IM_TEST", default=True), integer("IM_TEST", 7)) == (True, 7)
    assert (env.list("IM_TEST", default=["a"]), rate("IM_TEST", "3/1s")) == (["a"], Rate(3, 1))


READERS: dict[str, Callable[[], Any]] = {
    "bool": lambda: env.bool("IM_TEST", default=False),
    "integer": lambda: integer("IM_TEST", 1),
    "least": lambda: integer("IM_TEST", 100, least=100),
    "rate": lambda: rate("IM_TEST", "300/10s"),
    "choice": lambda: choice("IM_TEST", "plain", ("plain", "json")),
}


@pytest.mark.parametrize(
    ("reader", "text", "line"),
    [
        ("bool", "maybe", "IM_TEST is 'maybe'. Write on or off."),
        ("integer", "soon", "IM_TEST is 'soon', which is not a whole number."),
        ("integer", "1.5", "IM_TEST is '1.5', which is not a whole number."),
        ("integer", "-1", "IM_TEST is -1. The least it can be is 0."),
        ("least", "99", "IM_TEST is 99. The least it can be is 100."),
        ("rate", "many", "IM_TEST is 'many'. Write it like 300/10s, or off."),
        ("choice", "xml", "IM_TEST is 'xml'. It is one of plain, json."),
    ],
)
def test_what_cannot_be_read_is_one_line(
    variable: Callable[[str], None], reader: str, text: str, line: str
) -> None:
    variable(text)
    with pytest.raises(ImproperlyConfigured) as refused:
        READERS[reader]()
    assert str(refused.value) == line


def test_a_missing_secret_file_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IM_TEST_FILE", "/nonexistent")
    with pytest.raises(ImproperlyConfigured) as refused:
        Environment().str("IM_TEST")
    assert str(refused.value) == (
        "IM_TEST_FILE names a file that cannot be read: No such file or directory."
    )


@pytest.mark.parametrize("command", [("migrate",), ("createsuperuser",), ("doctor",)])
def test_every_command_says_it_in_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    refused = manage(*command, LOG_LEVEL="LOUD", DATA_DIR=str(tmp_path))
    line = "error: LOG_LEVEL is 'LOUD'. It is one of DEBUG, INFO, WARNING, ERROR, CRITICAL.\n"
    assert (refused.returncode, refused.stdout) == (1, line)


@pytest.mark.parametrize("name", ["MONGODB_TIMEOUT_MS", "WEB_CONCURRENCY", "CODES_PER_IP"])
def test_up_refuses_before_it_starts_anything(name: str, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    refused = manage("up", "--port", "0", "--data-dir", str(data_dir), **{name: "x"})
    line = f"error: {name} is 'x', which is not a whole number.\n"
    assert (refused.returncode, refused.stdout) == (1, line)
    assert not any((data_dir / "mongodb").glob("*"))


def test_a_command_without_a_running_system_says_so_in_one_line(tmp_path: Path) -> None:
    keys = {"SECRET_KEY": "s" * 50, "JWT_SIGNING_KEY": "j" * 50}
    nobody = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200"
    found = manage("showmigrations", MONGODB_URL=nobody, DATA_DIR=str(tmp_path), **keys)
    line = (
        "error: MongoDB does not answer (MONGODB_URL). Is the system running? "
        "`manage.py up` starts it.\n"
    )
    assert (found.returncode, found.stdout) == (1, line)
