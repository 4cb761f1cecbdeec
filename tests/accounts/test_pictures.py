"""Whatever is uploaded becomes a small square WebP with nothing but pixels, or is refused
clearly."""

import io
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from accounts import pictures
from accounts.pictures import MAX_FRAMES, SIDE, square_webp
from imsystem.errors import BadRequest, Unavailable
from tests.images import BLUE, GREEN, RED, gif, near, opened, picture, png_header, saved

ORIENTATION, GPS = 0x0112, 0x8825
NO_PICTURE = "We can't read this picture. Use JPEG, PNG, WebP or GIF."
TOO_MANY_PIXELS = "Pictures can have at most 40 megapixels."
A_FILM = "Animated pictures are not supported."
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def refused(data: bytes) -> str:
    """Returns the text of the refusal, which takes at most a second of processor time."""
    started = time.thread_time()
    with pytest.raises(BadRequest) as caught:
        square_webp(data)
    assert time.thread_time() - started < 1
    ((field, [text]),) = caught.value.errors.items()
    assert field == "avatar"
    return str(text)


# --- what comes out -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "MPO"])
def test_every_format_becomes_a_small_square_webp(kind: str) -> None:
    data = square_webp(picture(kind, (400, 300)))
    image = opened(data)
    assert (image.size, image.mode, len(data) < 20_000) == ((SIDE, SIDE), "RGB", True)
    assert near(image, (128, 128), RED)


@pytest.mark.parametrize(
    ("mode", "colour", "shown"),
    [
        ("1", 1, WHITE),
        ("L", 128, (128, 128, 128)),
        ("LA", (128, 255), (128, 128, 128)),
        ("P", 0, BLACK),
        ("RGBA", (*RED, 255), RED),
        ("I;16", 128 * 257, (128, 128, 128)),
    ],
)
def test_every_mode_of_png(mode: str, colour: Any, shown: tuple[int, int, int]) -> None:
    assert near(opened(square_webp(picture("PNG", mode=mode, colour=colour))), (5, 5), shown)


def test_colours_for_print() -> None:
    white = picture("JPEG", mode="CMYK", colour=(0, 0, 0, 0))
    assert near(opened(square_webp(white)), (128, 128), WHITE)


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000), (255, 257), (6324, 6324)])
def test_every_shape(size: tuple[int, int]) -> None:
    assert opened(square_webp(picture("JPEG", size))).size == (SIDE, SIDE)


def striped(size: tuple[int, int], *colours: tuple[int, int, int]) -> Image.Image:
    """Draws equal stripes from left to right or, in a tall picture, from top to bottom."""
    image = Image.new("RGB", (len(colours), 1))
    image.putdata(colours)
    image = image if size[0] >= size[1] else image.transpose(Image.Transpose.ROTATE_270)
    return image.resize(size, Image.Resampling.NEAREST)


@pytest.mark.parametrize("size", [(900, 300), (300, 900), (2700, 900)])
def test_the_middle_is_kept(size: tuple[int, int]) -> None:
    image = opened(square_webp(saved(striped(size, RED, GREEN, BLUE), "JPEG", quality=95)))
    assert all(near(image, at, GREEN) for at in ((8, 8), (248, 8), (128, 128), (248, 248)))


@pytest.mark.parametrize(("turned", "red_at"), [(1, (5, 128)), (3, (250, 128)), (6, (128, 5)),
                                                (8, (128, 250))])  # fmt: skip
def test_it_stands_as_the_camera_was_held(turned: int, red_at: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = turned
    image = striped((300, 300), RED, BLUE)
    found = opened(square_webp(saved(image, "JPEG", exif=exif, quality=95)))
    assert near(found, red_at, RED)
    opposite = (255 - red_at[0], 255 - red_at[1])
    assert near(found, opposite, BLUE)


def test_transparency_becomes_white() -> None:
    assert near(
        opened(square_webp(picture("PNG", mode="RGBA", colour=(0, 0, 0, 0)))), (9, 9), WHITE
    )
    palette = picture("GIF", mode="P", colour=3, transparency=3)
    assert near(opened(square_webp(palette)), (9, 9), WHITE)


def test_only_the_first_frame_is_shown() -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in (RED, BLUE)]
    for kind in ("GIF", "WEBP", "PNG"):
        film = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert near(opened(square_webp(film)), (128, 128), RED), kind


def test_the_same_picture_gives_the_same_bytes() -> None:
    assert square_webp(picture()) == square_webp(picture())


# --- what does not come out -----------------------------------------------------------------


def located() -> Image.Exif:
    """A camera's metadata, with the place and the photographer."""
    exif = Image.Exif()
    exif[0x013B] = "Alice Secret"
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_place_and_camera_are_gone(kind: str) -> None:
    data = picture(kind, exif=located())
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(GPS)[1] == "N"
    clean = square_webp(data)
    assert dict(opened(clean).getexif()) == {}
    for trace in (b"EXIF", b"Exif", b"XMP", b"ICCP", b"Secret"):
        assert trace not in clean


def test_damaged_notes_do_no_harm() -> None:
    assert near(opened(square_webp(picture(exif=b"Exif\0\0garbage"))), (9, 9), RED)


def swapped_profile() -> bytes:
    """A colour profile in which what is written as red means green, and the other way round."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red, green = profile.index(b"rXYZ") + 4, profile.index(b"gXYZ") + 4
    swapped = bytearray(profile)
    swapped[red : red + 8], swapped[green : green + 8] = (
        profile[green : green + 8],
        profile[red : red + 8],
    )
    return bytes(swapped)


def test_colours_follow_the_profile_which_is_dropped() -> None:
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert near(opened(square_webp(picture(icc_profile=plain))), (9, 9), RED)
    clean = square_webp(picture(icc_profile=swapped_profile()))
    assert b"ICCP" not in clean
    assert near(opened(clean), (9, 9), (RED[1], RED[0], RED[2]))


@pytest.mark.parametrize("profile", [b"x", b"\0" * 200, swapped_profile()[:300]])
def test_profiles_that_are_none_are_ignored(profile: bytes) -> None:
    assert near(opened(square_webp(picture("PNG", icc_profile=profile))), (9, 9), RED)


def test_a_profile_for_other_colours_is_ignored() -> None:
    grey = picture("JPEG", mode="L", colour=128, icc_profile=swapped_profile())
    assert near(opened(square_webp(grey)), (9, 9), (128, 128, 128))


@pytest.mark.parametrize("tail", [b"<script>alert(1)</script>", b"PK\x03\x04" + b"evil" * 99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_what_is_appended_is_left_behind(kind: str, tail: bytes) -> None:
    """Phones append videos to photos, so that is no reason to refuse; the video just does not get
    through."""
    clean = square_webp(picture(kind) + tail)
    assert clean == square_webp(picture(kind))
    assert tail[:4] not in clean


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg/>',
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a/*" + b"\0" * 8 + b"*/=alert(1);",  # a GIF to some, a script to others
        b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script>",
        b"\xff\xd8\xff\xe0<?php system('id') ?>",
        b"PK\x03\x04" + bytes(200),
        b"%PDF-1.7\n",
        picture("BMP"),
        picture("TIFF"),
        picture("ICO", (64, 64)),
        picture("EPS"),
        picture("PDF"),
        png_header(100, 100),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_picture(data: bytes) -> None:
    assert refused(data) == NO_PICTURE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_half_a_picture(kind: str, share: float) -> None:
    noise = Image.effect_noise((200, 200), 50).convert("RGB")
    data = saved(noise, kind)
    assert refused(data[: int(len(data) * share)]) == NO_PICTURE


@pytest.mark.parametrize(
    ("width", "height"),
    [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (20_000, 10_000), (40_000_001, 1), (6325, 6325)],
)
def test_a_picture_of_a_kilobyte_that_says_it_is_huge(width: int, height: int) -> None:
    assert refused(png_header(width, height)) == TOO_MANY_PIXELS


def huge(kind: str) -> bytes:
    """The header of a picture of 16,000 x 16,000 pixels."""
    data = bytearray(picture(kind, (16, 16), lossless=True) if kind == "WEBP" else picture(kind))
    if kind == "GIF":
        data[6:10] = struct.pack("<HH", 16_000, 16_000)
    elif kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 16_000, 16_000)
    else:
        at = data.index(b"VP8L") + 9
        data[at : at + 4] = struct.pack("<I", 15_999 | 15_999 << 14)
    return bytes(data)


@pytest.mark.parametrize("kind", ["GIF", "JPEG", "WEBP"])
def test_the_same_in_other_formats(kind: str) -> None:
    assert refused(huge(kind)) in {TOO_MANY_PIXELS, NO_PICTURE}


def test_a_text_in_a_png_that_unpacks_to_50_megabytes() -> None:
    text = PngInfo()
    text.add_text("Comment", "x" * 50_000_000, zip=True)
    assert refused(picture("PNG", pnginfo=text)) == NO_PICTURE


def test_films() -> None:
    assert opened(square_webp(gif(MAX_FRAMES))).size == (SIDE, SIDE)
    assert refused(gif(MAX_FRAMES + 1)) == A_FILM
    assert refused(gif(10_000)) == A_FILM
    assert refused(gif(220_000)) == A_FILM  # 5 MB


SEEDS = [
    *(picture(kind, (40, 30)) for kind in ("JPEG", "PNG", "WEBP", "GIF")),
    *(picture(kind, (40, 30), exif=located()) for kind in ("JPEG", "PNG", "WEBP")),
    picture("PNG", (40, 30), mode="P", colour=1, icc_profile=swapped_profile()),
    gif(3),
]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(data=st.data())
def test_damaged_files_are_refused_or_harmless(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(SEEDS)))
    places = st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255))
    for at, value in data.draw(st.lists(places, min_size=1, max_size=8)):
        damaged[at] = value
    try:
        clean = square_webp(bytes(damaged))
    except BadRequest:
        return
    assert opened(clean).size == (SIDE, SIDE)


# --- how many at once -----------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Reading a picture blocks until the event is set."""
    go_on = threading.Event()
    monkeypatch.setattr(pictures, "_check", lambda image: go_on.wait(10))
    monkeypatch.setattr(pictures, "WAIT_S", 0.1)
    yield go_on
    go_on.set()


def test_two_are_read_at_once_and_others_wait(slow: threading.Event) -> None:
    threads = [threading.Thread(target=square_webp, args=(picture(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    with pytest.raises(Unavailable):
        square_webp(picture())
    slow.set()
    for thread in threads:
        thread.join()
    assert opened(square_webp(picture())).size == (SIDE, SIDE)


def test_a_refusal_gives_the_turn_back() -> None:
    for _ in range(5):
        refused(b"x")
    assert opened(square_webp(picture())).size == (SIDE, SIDE)
