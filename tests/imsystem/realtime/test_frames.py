"""Frames of the server: a registry of structs, encoded byte for byte as a dict would be."""

import json
from typing import Any

import msgspec
import pytest

from chat.frames import MessageCreated, SendAck
from imsystem.encoding import encoder
from imsystem.errors import AppError, NotFound, RateLimited
from imsystem.realtime.frames import Ack, Frame, encode, error_frame, frames, outbound

MESSAGE: Any = {"identity": "a" * 24, "seq": 1, "data": '多 "quoted" \\ 😀', "edited_at": None}


def written(kind: str, **fields: Any) -> str:
    """The frame as it was made before frames were structs."""
    return encoder.encode({"type": kind, **fields}).decode()


def test_a_frame_has_the_bytes_of_a_dict() -> None:
    fields: Any = {"room_identity": "b" * 24, "message": MESSAGE}
    assert encode(MessageCreated(**fields)) == written("message.created", **fields)


def test_an_ack_has_the_bytes_of_a_dict() -> None:
    fields: Any = {"id": "7", "message": MESSAGE, "duplicate": False}
    assert encode(SendAck(**fields)) == written("ack", **fields)
    assert encode(Ack(id="7")) == written("ack", id="7")


@pytest.mark.parametrize(
    ("error", "command_id", "more"),
    [
        (NotFound(), None, {"code": "not_found", "detail": "Not found."}),
        (NotFound(), "7", {"id": "7", "code": "not_found", "detail": "Not found."}),
        (
            RateLimited(3),
            "7",
            {
                "id": "7",
                "code": "rate_limited",
                "detail": "Too many requests. Please try again later.",
                "retry_after": 3,
            },
        ),
    ],
)
def test_an_error_says_only_what_there_is(
    error: AppError, command_id: str | None, more: dict[str, Any]
) -> None:
    assert error_frame(error, command_id) == written("error", **more)


def test_two_frames_cannot_have_one_name() -> None:
    class Another(Frame, frozen=True, tag="error"):
        pass

    with pytest.raises(ValueError, match="two frames are called error"):
        outbound(Another)
    assert frames["error"] is not Another


def test_every_frame_is_registered_under_its_own_name() -> None:
    def under(base: type[Frame]) -> set[type[Frame]]:
        direct = set(base.__subclasses__())
        return direct.union(*(under(frame) for frame in direct))

    declared = {
        frame
        for frame in under(Frame)
        if not issubclass(frame, Ack) and not frame.__module__.startswith("tests.")
    }
    assert set(frames.values()) == declared


@pytest.mark.parametrize("frame", frames.values(), ids=str)
def test_no_frame_takes_a_field_too_many(frame: type[Frame]) -> None:
    kind = frame.__struct_config__.tag
    with pytest.raises(msgspec.ValidationError, match=r"unknown field `more`|missing required"):
        msgspec.json.decode(json.dumps({"type": kind, "more": 1}), type=frame)
