"""What it costs to make the text of a frame, as a struct and as a dict, in turns.

.venv/bin/python -m bench.encoding
"""

import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

ROUNDS, TIMES = 15, 20_000


def _us(make: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(TIMES):
        make()
    return (time.perf_counter() - started) / TIMES * 1e6


def _pairs() -> dict[str, tuple[Callable[[], str], Callable[[], str]]]:
    """Frame -> (as a dict, as a struct)."""
    from chat import frames
    from imsystem.encoding import encoder
    from imsystem.realtime.frames import Ack, encode

    identity = "6b031b0ac56c19ed2c842400"
    message: Any = {
        **dict.fromkeys(("identity", "room_identity", "user_identity"), identity),
        **{"seq": 13, "revision": 0, "client_id": "0d9a3c", "kind": "text", "data": "hello" * 8},
        **{"created_at": 1795365646000, "updated_at": 1795365646000},
        **dict.fromkeys(("edited_at", "recalled_at", "reply_to")),
    }

    def as_dict(kind: str, **fields: Any) -> str:
        return encoder.encode({"type": kind, **fields}).decode()

    return {
        "message.created": (
            lambda: as_dict("message.created", room_identity=identity, message=message),
            lambda: encode(frames.MessageCreated(room_identity=identity, message=message)),
        ),
        "ack of message.send": (
            lambda: as_dict("ack", id="7", message=message, duplicate=False),
            lambda: encode(frames.SendAck(id="7", message=message, duplicate=False)),
        ),
        "ack of ping": (lambda: as_dict("ack", id="7"), lambda: encode(Ack(id="7"))),
        "typing": (
            lambda: as_dict("typing", room_identity=identity, user_identity=identity),
            lambda: encode(frames.Typing(room_identity=identity, user_identity=identity)),
        ),
    }


def main() -> None:
    import django

    django.setup()
    for name, (before, after) in _pairs().items():
        if before() != after():
            raise SystemExit(f"{name}: not the same bytes")
        rounds = [(_us(before), _us(after)) for _ in range(ROUNDS)]
        as_dict, as_struct = (median(figures) for figures in zip(*rounds, strict=True))
        print(f"{name:20} dict {as_dict:.2f} us, struct {as_struct:.2f} us")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imsystem.settings")
    os.environ.setdefault("DEBUG", "on")
    main()
