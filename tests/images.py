"""Pictures for tests, made here: no files."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 30), (30, 30, 200)


def picture(
    kind: str = "JPEG", size: tuple[int, int] = (300, 200), colour: Any = RED, **options: Any
) -> bytes:
    """A picture of one colour."""
    mode = options.pop("mode", "RGB")
    return saved(Image.new(mode, size, colour), kind, **options)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, kind, **options)
    return encoded.getvalue()


def opened(data: bytes) -> Image.Image:
    """The picture in `data`, which must be a WebP."""
    image = Image.open(io.BytesIO(data), formats=["WEBP"])
    image.load()
    return image


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    """Whether the pixel has this colour, but for what lossy formats do to it."""
    found: Any = image.getpixel(at)
    return all(abs(one - other) <= 12 for one, other in zip(found, colour, strict=True))


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is this large."""
    shape = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body) for kind, body in ((b"IHDR", shape), (b"IDAT", pixels), (b"IEND", b""))
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def gif(frames: int) -> bytes:
    """A GIF of one pixel, with this many frames."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\xff\x00\x00\x00\x00\xff"
    control = b"\x21\xf9\x04\x00\x01\x00\x00\x00"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + (control + frame) * frames + b";"
