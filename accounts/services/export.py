"""Everything that is stored about a user, as one JSON document for them to keep.

Streamed: a user may have written a million messages, and none of them waits in memory for the
others. The apps above add their own lists (`contribute`).
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from accounts import payloads
from accounts.models import Avatar, DeviceSession, User
from accounts.services.reauth import confirm
from imsystem.clock import now_ms
from imsystem.limits import Limit
from imsystem.threads import run_in_thread

FORMAT = 1
EXPORTS = Limit("export", amount=5, window_s=3_600)
# Bytes sent at once.
CHUNK = 64 * 1024

Item = Mapping[str, Any]
# Returns the items of one list about a user, one after another.
Source = Callable[[User], AsyncIterator[Item]]

_sources: dict[str, Source] = {}
_encode = msgspec.json.Encoder(enc_hook=int).encode  # PyMongo's 64-bit numbers are Int64


def contribute(name: str, source: Source) -> None:
    """Adds the list `name` to the document. Called once, at start-up."""
    _sources[name] = source


def export_data(*, user: User, password: str, otp: str = "") -> AsyncIterator[bytes]:
    """Yields the document, piece by piece. Raises BadRequest at `password`, or RateLimited, at
    once.

    An error on the way ends it in the middle, where it is not valid JSON: nobody can take a part of
    it for the whole.
    """
    confirm(user, password, otp)
    EXPORTS.take(user.identity)
    return _in_chunks(_document(user))


def export_name(user: User) -> str:
    """Returns the name of the file."""
    return f"imsystem-{user.account}-{datetime.now(UTC):%Y-%m-%d}.json"


async def _in_chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        if len(waiting) >= CHUNK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


async def _document(user: User) -> AsyncIterator[bytes]:
    head = {"format": FORMAT, "exported_at": now_ms(), "profile": _profile(user)}
    yield _encode(head)[:-1]
    sources: dict[str, Source] = {"devices": _devices, "pictures": _pictures, **_sources}
    for name, source in sources.items():
        yield b',\n"' + name.encode() + b'": [\n'
        separator = b""
        async for item in source(user):
            yield separator + _encode(item)
            separator = b",\n"
        yield b"\n]"
    yield b"}\n"


def _profile(user: User) -> Item:
    return {**payloads.own_user(user), "updated_at": user.updated_at}


async def _devices(user: User) -> AsyncIterator[Item]:
    for device in await run_in_thread(_device_list, user):
        yield device


async def _pictures(user: User) -> AsyncIterator[Item]:
    for picture in await run_in_thread(list, Avatar.objects.filter(user=user)):
        # Bytes become base64.
        yield {"created_at": picture.created_at, "webp": bytes(picture.data)}


def _device_list(user: User) -> Iterable[Item]:
    """Includes devices signed out long ago, as long as they are stored, with their addresses."""
    sessions = DeviceSession.objects.filter(user=user).order_by("created_at")
    return [
        {
            **payloads.device(session, current=None),
            "expires_at": session.expires_at,
            "revoked_at": session.revoked_at,
        }
        for session in sessions
    ]
