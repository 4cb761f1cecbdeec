"""What a log line may show of an error."""

import json
import logging
import sys
from typing import Any

from django.db import IntegrityError
from pymongo.errors import BulkWriteError, ServerSelectionTimeoutError

from accounts.models import User
from imsystem.mongo.clients import collection
from imsystem.ops.logs import JsonFormatter, PlainFormatter
from tests.conftest import new_user


def logged(formatter: logging.Formatter) -> str:
    """The line of the error that is being handled."""
    details = (logging.ERROR, __file__, 1, "it failed", None, sys.exc_info())
    return formatter.format(logging.LogRecord("imsystem", *details))  # type: ignore[arg-type]


def both() -> list[str]:
    return [logged(PlainFormatter()), json.loads(logged(JsonFormatter()))["exception"]]


async def test_a_refused_write_does_not_quote_the_document() -> None:
    """The driver does: "full error: {'writeErrors': [{..., 'op': {..., 'data': ...}}]}"."""
    document: dict[str, Any] = {"_id": "twice", "data": "Zitronenkuchen"}
    told, lines = "", []
    try:
        try:
            await collection("message_basic").insert_many([document, document.copy()])
        except BulkWriteError as exc:
            told = str(exc)
            raise RuntimeError("while this was sorted out")  # noqa: B904 -- one inside another
    except RuntimeError:
        lines = both()
    assert "Zitronenkuchen" in told
    assert len(lines) == 2
    for line in lines:
        assert "Zitronenkuchen" not in line
        assert "pymongo.errors.BulkWriteError: (text withheld, code 65)" in line
        assert "RuntimeError: while this was sorted out" in line


def test_nor_does_djangos_own_error() -> None:
    alice, lines = new_user("alice"), []
    again = User(account="other", nickname="x", password="!", email=alice.email)
    try:
        again.save(force_insert=True)
    except IntegrityError:
        lines = both()
    assert [alice.email in line for line in lines] == [False, False]


def test_other_errors_say_what_they_say() -> None:
    try:
        raise ServerSelectionTimeoutError("127.0.0.1:27017: timed out")
    except ServerSelectionTimeoutError:
        assert all("127.0.0.1:27017: timed out" in line for line in both())
