"""Backups in tests: made, restored into a second database, compared byte for byte."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from django.core.management import call_command
from django.db import connection, connections

from chat import services as chat
from chat.checkpoint import Checkpoints
from chat.models import Message
from imsystem.backup import plan, writer
from imsystem.loops import run_on_loop
from tests.conftest import Cast

SECOND = "im_test_second"


@contextmanager
def database(name: str) -> Iterator[None]:
    """Has everything in this process use another database of the same server.

    Without checkpoints, which come a second late: they would be of rooms of the one before.
    """
    before = connection.settings_dict["NAME"]
    try:
        with patch.object(Checkpoints, "write_some", _later):
            _use(name)
            yield
    finally:
        _use(before)


async def _later(_checkpoints: Checkpoints) -> None: ...


def _use(name: str) -> None:
    wrapper: Any = connections["default"]
    wrapper.ensure_connection()
    wrapper.settings_dict["NAME"] = name
    wrapper.database = wrapper.connection[name]


def backup(place: Path) -> str:
    output = StringIO()
    call_command("backup", str(place), stdout=output)
    return output.getvalue()


def restore(place: Path, into: str, **options: Any) -> str:
    output = StringIO()
    with database(into):
        call_command("restore", str(place), stdout=output, stderr=output, **options)
    return output.getvalue()


def documents(name: str) -> dict[str, list[bytes]]:
    """Every document of a database, byte for byte, by collection; without what only `migrate`
    writes, and without the installation's identity, which a backup leaves out."""
    raw = connection.connection[name].with_options(
        codec_options=bson.CodecOptions(document_class=RawBSONDocument)
    )
    names = sorted(set(raw.list_collection_names()) - {"django_migrations", "installation"})
    found = {name: sorted(doc.raw for doc in raw[name].find()) for name in names}
    return {name: docs for name, docs in found.items() if docs}


def indexes(name: str) -> dict[str, dict[str, Any]]:
    database = connection.connection[name]
    return {each: database[each].index_information() for each in plan.tables()}


def say(cast: Cast, *texts: str) -> None:
    async def send() -> None:
        fields = {"user_identity": cast.owner.pk, "room_identity": cast.room.pk}
        for text in texts:
            await chat.send_message(**fields, client_id=f"c-{len(text)}-{hash(text)}", data=text)

    run_on_loop(send())


def seqs(room: str) -> list[int]:
    return sorted(Message.objects.filter(room_identity=room).values_list("seq", flat=True))


class PowerCutError(Exception):
    """The process dies here."""


def cut_after(batches: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backup dies when it has written so many batches of a part, in the middle of a line."""
    append, left = writer.PartFile.append, [batches]

    def dying(self: writer.PartFile, written: list[bytes]) -> None:
        if self._name == name:
            if left[0] == 0:
                append(self, [b'{"_id":"torn' + b"x" * 100_000])
                raise PowerCutError
            left[0] -= 1
        append(self, written)

    monkeypatch.setattr(writer.PartFile, "append", dying)
