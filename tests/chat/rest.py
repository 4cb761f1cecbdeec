"""Shared by tests of messages over REST."""

import asyncio
from typing import Any

import time_machine

from accounts.models import User
from chat.models import Message
from chat.services import send_message
from imsystem.loops import run_on_loop
from rooms.models import Member
from tests.api import Api, bad_request, forbidden, problem, refused
from tests.conftest import Cast

NOON = 1_893_499_200_000  # 2030-01-01 12:00 UTC
MINUTE = 60_000
ONE_POSITION = refused("Use only one of before, after and around.")
NOT_A_NUMBER = ["A valid integer is required."]
WRITE_FIRST = bad_request(data=["Write something first."])
TOO_LONG = problem(
    413, "Request Entity Too Large", "too_large", "A message can have at most 5,000 characters."
)
MUTED = forbidden("You are muted in this group.", "muted")


def at(milliseconds: int) -> time_machine.travel:
    """Sets the server's clock to this Unix time."""
    return time_machine.travel((milliseconds + 0.5) / 1000, tick=False)


def messages_of(cast: Cast) -> str:
    return f"rooms/{cast.room.pk}/messages/"


def fill(cast: Cast, count: int) -> None:
    """Stores messages 1 to `count` by the owner."""

    async def send_all() -> None:
        fields = {"user_identity": cast.owner.pk, "room_identity": cast.room.pk}
        await asyncio.gather(
            *(send_message(**fields, client_id=f"c{n}", data=f"m{n}") for n in range(count))
        )

    run_on_loop(send_all())


def send(cast: Cast, user: User, client_id: str = "c1", data: str = "hello") -> dict[str, Any]:
    answer = Api(user).post(messages_of(cast), {"client_id": client_id, "data": data})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return {name: value for name, value in body.items() if name != "duplicate"}


def stored(cast: Cast) -> list[dict[str, Any]]:
    """Returns everything that a refused request must not touch."""
    messages = Message.objects.filter(room_identity=cast.room.pk).order_by("seq").values()
    members = Member.objects.filter(room=cast.room).order_by("pk").values()
    return [*messages, *members]
