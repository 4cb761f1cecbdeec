"""Profile pictures: any upload in, a small square WebP out. Pure: bytes to bytes.

The result is drawn afresh from the pixels: no metadata, no trailing data, nothing but a picture.
"""

import io
from contextlib import nullcontext
from threading import BoundedSemaphore, Lock

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageCms, ImageOps

from imsystem.errors import BadRequest, Unavailable

MAX_PIXELS = 40_000_000
# Only the first frame is shown; a file with more frames is animated, or made to waste our time.
MAX_FRAMES = 1_000
# Shown at 96 pixels at most: sharp at twice that density, and about 10 kB.
SIDE = 256
QUALITY = 85
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
WAIT_S = 10.0

# 40 megapixels take up to 2 s and 620 MB (a WebP with transparency), 10 a quarter of that. A JPEG
# counts with the size it is decoded at, and so never does.
LARGE_PIXELS = 10_000_000
_turns = BoundedSemaphore(2)
_turn_of_large = Lock()
_srgb = ImageCms.createProfile("sRGB")


def square_webp(data: bytes) -> bytes:
    """Returns the middle of the picture as a WebP of SIDE x SIDE pixels, in sRGB, upright, with
    white for transparency.

    Raises BadRequest (at `avatar`) for anything but a picture of FORMATS of an allowed size, and
    Unavailable when too many wait for their turn.
    """
    if not _turns.acquire(timeout=WAIT_S):
        raise Unavailable
    try:
        small = _small(data)
    finally:
        _turns.release()
    encoded = io.BytesIO()
    small.save(encoded, "WEBP", quality=QUALITY)
    return encoded.getvalue()


def _small(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check(image)
            image.draft(None, (2 * SIDE, 2 * SIDE))
            large = image.width * image.height > LARGE_PIXELS
            with _turn_of_large if large else nullcontext():
                return _upright(_in_srgb(_on_white(_scaled(image))))
    except BadRequest:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    # Pillow raises a dozen kinds of exceptions for damaged files, IndexError among them.
    except Exception:
        raise _refusal(_("We can't read this picture. Use JPEG, PNG, WebP or GIF.")) from None


def _refusal(text: object) -> BadRequest:
    return BadRequest(errors={"avatar": [str(text)]})


def _too_many_pixels() -> BadRequest:
    return _refusal(_("Pictures can have at most 40 megapixels."))


def _check(image: Image.Image) -> None:
    """Taken from the header alone: a file of 1 kB may say that it has 2.5 gigapixels."""
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels()
    if getattr(image, "n_frames", 1) > MAX_FRAMES:
        raise _refusal(_("Animated pictures are not supported."))


def _scaled(image: Image.Image) -> Image.Image:
    """Returns the largest square in the middle, in a mode that can be scaled smoothly."""
    if image.mode == "I;16":
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    elif image.mode not in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box, reducing_gap=3.0)


def _on_white(image: Image.Image) -> Image.Image:
    """Removes transparency: a black sign on nothing would vanish on a dark page."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.info = image.info
    white.paste(image, mask=image.getchannel("A"))
    return white


def _in_srgb(image: Image.Image) -> Image.Image:
    """Converts colours according to the picture's own profile: phones write Display P3."""
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, _srgb, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = (
                None  # not a profile, or one for other colours: treated as if there were none
            )
        if converted is not None:
            return converted
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Turns the picture as the camera was held, unless its metadata are damaged."""
    try:
        return ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, OSError):
        return image
