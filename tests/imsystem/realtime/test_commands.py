"""The registry of commands: each app adds its own."""

from typing import Any

import msgspec
import pytest

from imsystem.realtime import commands
from imsystem.realtime.commands import (
    CommandId,
    Rejected,
    command,
    command_at_once,
    command_of,
    parse,
)
from imsystem.realtime.frames import Ack
from tests.conftest import Cast
from tests.sockets import socket_of

OWNERS = {
    "message.send": "chat.protocol",
    "message.edit": "chat.protocol",
    "message.recall": "chat.protocol",
    "room.read": "chat.protocol",
    "typing": "chat.protocol",
    "sync": "chat.protocol",
    "ping": "chat.protocol",
    "auth.renew": "accounts.commands",
}


class Add(msgspec.Struct, frozen=True):
    id: CommandId
    one: int
    other: int


class AddAck(Ack, frozen=True):
    total: int


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone afterwards."""
    monkeypatch.setattr(commands, "commands", dict(commands.commands))
    monkeypatch.setattr(commands, "_by_struct", dict(commands._by_struct))


def test_every_app_registers_its_own() -> None:
    known = {name: found.struct.__module__ for name, found in commands.commands.items()}
    assert known == OWNERS


async def test_an_app_adds_a_command_with_a_struct_and_a_handler(
    cast: Cast, registry: None
) -> None:
    @command("add", Add, ack=AddAck)
    async def add(socket: Any, frame: Add) -> AddAck:
        return AddAck(id=frame.id, total=frame.one + frame.other)

    assert command_of(parse('{"type": "add", "id": "1", "one": 1, "other": 2}')).ack is AddAck
    async with socket_of(cast.member) as socket:
        assert await socket.ask("add", one=1, other=2) == {"type": "ack", "id": "x", "total": 3}
        refused = await socket.ask("add", one=1, other="2")
        assert (refused["type"], refused["code"]) == ("error", "bad_request")


def test_a_name_is_registered_once(registry: None) -> None:
    with pytest.raises(ValueError, match="the command ping is registered twice"):

        @command_at_once("ping", Add, ack=Ack)
        def ping(socket: Any, frame: Add) -> Ack:
            return Ack(id=frame.id)

    assert commands.commands["ping"].struct is not Add


def test_what_is_not_registered_is_unknown() -> None:
    with pytest.raises(Rejected) as caught:
        parse('{"type": "add", "id": "1"}')
    assert (caught.value.error.code, caught.value.command_id) == ("unknown_type", "1")
