"""Malicious pictures (70-79, 81, 82), sent by Eve as her own. What the decoding of pictures
refuses, byte for byte: tests/accounts/test_pictures.py; floods: test_floods.py."""

import io
import socket
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.hostile.scene import Scene, case
from tests.images import gif, near, opened, picture, png_header
from tests.up import eventually

ROUTE = "/api/v1/users/me/avatar/"
LIMIT = 5 * 1024 * 1024
FORM = "multipart/form-data; boundary=edge"
GOOD = picture("PNG")
UPLOAD_WITHIN_S = 2.0  # 5 MB on the way, and a decoder


def part(
    data: bytes, name: str = "avatar", filename: str = "a.png", kind: str = "image/png"
) -> bytes:
    """Returns one file of a form, as its bytes."""
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
    return f"{head}Content-Type: {kind}\r\n\r\n".encode("utf-8", "surrogateescape") + data + b"\r\n"


END = b"--edge--\r\n"


def put(scene: Scene, body: Any, kind: str = "image/png", **headers: str) -> httpx.Response:
    given = scene.eve.headers | {"Content-Type": kind} | headers
    with scene.target.timed(f"upload {str(kind)[:30]}", UPLOAD_WITHIN_S):
        return scene.target.ask("PUT", ROUTE, content=body, headers=given)


def padded(size: int) -> bytes:
    return GOOD + bytes(size - len(GOOD))


def zipped(*names: str) -> bytes:
    """Returns an archive with 10 MB of zeros in each of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, bytes(10_000_000))
    return packed.getvalue()


def tiff_bomb() -> bytes:
    head = b"II*\x00\x08\x00\x00\x00\x02\x00"
    return head + struct.pack("<HHII", 256, 4, 1, 2**31) + struct.pack("<HHII", 257, 4, 1, 2**31)


SVG = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'
PASSED = b"\x89PNG\r\n\x1a\n"
NO_PICTURES = [
    case(70, "nothing", b""),
    case(70, "one-byte", b"\x89"),
    case(73, "html-as-png", b"<!doctype html><script>alert(1)</script>"),
    case(73, "gif-and-script", b"GIF89a/*" + b"\x00" * 20 + b"*/=alert(1)//"),
    case(73, "png-head-and-html", PASSED + b"<script>alert(1)</script>"),
    case(73, "pdf", b"%PDF-1.7\n" + bytes(100)),
    case(73, "bmp", picture("BMP")),
    case(73, "tiff", picture("TIFF")),
    case(73, "postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    case(73, "icon", picture("ICO", (32, 32))),
    case(74, "script", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    case(74, "entity", SVG),
    case(74, "foreign-object", b"<svg><foreignObject><iframe src='//evil'/></foreignObject></svg>"),
    case(74, "billion-laughs", SVG.replace(b"&a;", b"&a;" * 10_000)),
    case(76, "50000-pixels", png_header(50_000, 50_000)),
    case(76, "2^31-pixels", png_header(2**31 - 1, 2**31 - 1)),
    case(76, "no-pixels", png_header(0, 0)),
    case(76, "10000-frames", gif(10_000)),
    case(76, "tiff-of-exabytes", tiff_bomb()),
    case(77, "zip", zipped("a.png")),
    case(77, "zip-bomb", zipped(*(f"{number}.png" for number in range(20)))),
    case(77, "symlink", zipped("../../../etc/passwd")),
    case(77, "gzip", zlib.compress(bytes(10_000_000))),
    case(79, "half-jpeg", picture("JPEG")[:400]),
    case(79, "half-png", GOOD[: len(GOOD) // 2]),
    case(79, "half-webp", picture("WEBP")[:60]),
    case(79, "half-gif", picture("GIF")[:30]),
    case(79, "bits-turned", bytes(byte ^ 255 for byte in GOOD)),
    case(79, "header-only", PASSED),
]


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("data", NO_PICTURES)
def test_no_pictures(scene: Scene, data: bytes) -> None:
    """400 as the body and as a form, whatever it is called."""
    for kind in ("image/png", "image/svg+xml", "image/gif"):
        assert put(scene, data, kind).status_code == 400
    answer = put(scene, part(data) + END, FORM)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["avatar"])


TOO_LARGE = [
    case(71, "limit-and-one", padded(LIMIT + 1), "image/png"),
    case(71, "form", part(padded(LIMIT + 1)) + END, FORM),
    case(71, "form-of-fields", part(b"x" * 6_000_000, "note") + part(GOOD) + END, FORM),
    case(71, "20-megabytes", padded(20_000_000), "image/png"),
    case(71, "without-length", [GOOD] + [bytes(1_000_000)] * 8, "image/png"),
]


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize(("body", "kind"), TOO_LARGE)
def test_too_large(scene: Scene, body: bytes | list[bytes], kind: str) -> None:
    """413, and nothing of it on the disk."""
    before = files(scene)
    answer = put(scene, iter(body) if isinstance(body, list) else body, kind)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert files(scene) == before


def files(scene: Scene) -> set[str]:
    """Returns what the web worker has open, deleted or not, without sockets and the like."""
    opened = Path(f"/proc/{scene.target.up.parts()['web']}/fd")
    found = set()
    for each in opened.iterdir():
        with suppress(FileNotFoundError):
            found.add(str(each.readlink()))
    return {name for name in found if name.startswith("/") and not name.startswith("/dev/")}


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("share", [0, 50, 99], ids=lambda share: f"72-{share}-percent")
def test_whoever_hangs_up_leaves_nothing(scene: Scene, share: int) -> None:
    before = files(scene)
    body = padded(LIMIT)
    head = (
        f"PUT {ROUTE} HTTP/1.1\r\nHost: {scene.target.host}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: image/png\r\nAuthorization: Bearer {scene.eve.access}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", scene.target.port), 3) as gone:
        gone.sendall(head.encode() + body[: len(body) * share // 100])
    assert eventually(lambda: files(scene) == before, 5)


NO_FORMS = [
    case(81, "two-files", part(GOOD) + part(GOOD) + END, FORM, 400),
    case(81, "two-names", part(GOOD) + part(GOOD, "file") + END, FORM, 400),
    case(81, "1001-parts", part(b"x") * 1_001 + END, FORM, 400),
    case(81, "1001-fields", part(b"x", filename="") * 1_001 + END, FORM, 400),
    case(81, "no-boundary", part(GOOD) + END, "multipart/form-data", 400),
    case(81, "empty-boundary", part(GOOD) + END, "multipart/form-data; boundary=", 400),
    case(81, "other-boundary", part(GOOD) + END, "multipart/form-data; boundary=x", 400),
    case(81, "long-boundary", part(GOOD) + END, f"multipart/form-data; boundary={'x' * 300}", 400),
    case(81, "boundary-in-latin", part(GOOD) + END, "multipart/form-data; boundary=\xe4", 400),
    case(81, "another-name", part(GOOD, "evil") + END, FORM, 400),
    case(81, "operator", part(GOOD, "avatar[$ne]") + END, FORM, 400),
    case(81, "text", part(GOOD, filename="") + END, FORM, 400),
    case(81, "empty", b"", FORM, 400),
    case(82, "html", GOOD, "text/html; charset=utf-7", 415),
    case(82, "octets", GOOD, "application/octet-stream", 415),
    case(82, "json", b'{"avatar":"x"}', "application/json", 415),
    case(82, "address", b'{"avatar":"http://127.0.0.1/"}', "application/json", 415),
    case(82, "message", GOOD, "message/external-body; access-type=URL", 415),
    case(82, "none", GOOD, "", 415),
]


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize(("body", "kind", "status"), NO_FORMS)
def test_no_forms(scene: Scene, body: bytes, kind: str, status: int) -> None:
    headers: Any = {"Content-Type": kind.encode("latin-1")}
    answer = scene.target.ask("PUT", ROUTE, content=body, headers=scene.eve.headers | headers)
    assert answer.status_code == status


NAMES = ["../../etc/passwd", "..\\x.png", "C:\\x.png", "con", "a%00.png", "x" * 300, "a%0d%0aX: y",
         "\u202egpj.exe", "a.html", "x.svg", "<script>", "/etc/passwd", "a.php",
         ".htaccess"]  # fmt: skip
KINDS = ["text/html; charset=utf-7", "image/svg+xml", "application/x-php", "x"]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"75-{ascii(name)[:16]}")
def test_names_mean_nothing(scene: Scene, name: str) -> None:
    """73, 75, 82: the address is random, its type is our own, and it runs nothing."""
    body = part(GOOD, filename=name, kind=KINDS[len(name) % len(KINDS)]) + END
    answer = put(scene, body, FORM)
    assert answer.status_code == 200
    assert_harmless(scene, answer.json()["avatar"])


def assert_harmless(scene: Scene, address: str) -> bytes:
    shown = scene.target.ask("GET", address)
    assert shown.status_code == 200
    assert len(address) == len("/avatars/.webp") + 24
    headers = shown.headers
    assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == ("image/webp", "nosniff")
    assert "script" not in shown.text.lower()
    return shown.content


POLYGLOTS = [
    case(73, "png-and-script", GOOD + b"<script>alert(1)</script>"),
    case(73, "jpeg-and-archive", picture("JPEG") + zipped("a.html")[:2_000]),
    case(73, "gif-and-html", picture("GIF") + b"<html><script>alert(1)</script>"),
    case(71, "limit", padded(LIMIT)),
]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("data", POLYGLOTS)
def test_only_the_pixels_are_kept(scene: Scene, data: bytes) -> None:
    answer = put(scene, data, "image/png")
    assert answer.status_code == 200
    assert len(assert_harmless(scene, answer.json()["avatar"])) < 20_000


@pytest.mark.usefixtures("unharmed")
def test_78_the_place_is_not_kept(scene: Scene) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    address = put(scene, picture("JPEG", exif=exif), "image/jpeg").json()["avatar"]
    data = assert_harmless(scene, address)
    assert b"Secret" not in data
    assert b"EXIF" not in data.upper()
    assert near(opened(data), (128, 128), (200, 30, 30))


@pytest.mark.usefixtures("nothing_changed")
def test_strangers_send_none(scene: Scene) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}):
        given = {"Content-Type": "image/png", **headers}
        assert scene.target.ask("PUT", ROUTE, content=GOOD, headers=given).status_code == 401
