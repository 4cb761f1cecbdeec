"""The picture of a user who has uploaded none: a letter on a coloured ground.

Letter and colour are in the address (`/avatars/initial/<hue>-<hex code points>.svg`), so drawing it
needs neither the user nor a database.
"""

import re
import unicodedata
from functools import lru_cache
from html import escape

from imsystem.text import is_blank

# White letters have a contrast of at least 4.5:1 on each of them.
COLOURS = ("#3d6b8f", "#8a4a76", "#7a5a1c", "#2f7464", "#9a4a3c", "#5b56a5", "#4d6d2c", "#7d4e9e")
# A family of four is seven code points, joiners included; some emoji have three more.
MAX_CODE_POINTS = 10
UNKNOWN = "?"

_ADDRESS = re.compile(r"([0-9a-f])-([0-9a-f]{1,6}(?:-[0-9a-f]{1,6})*)")
_JOINER = "\u200d"
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 256 256">'
    '<rect width="256" height="256" fill="{colour}"/>'
    '<text x="128" y="128" dy=".36em" text-anchor="middle" fill="#fff" font-size="108"'
    ' font-weight="600" font-family="system-ui, sans-serif">{letter}</text></svg>'
)


@lru_cache(maxsize=4_000)  # every list of rooms and users shows the same names again
def initial_of(name: str) -> str:
    """Returns the first character of a name as people count characters, with its accents, as a
    capital; "?" when there is nothing visible."""
    start = next((at for at, char in enumerate(name) if _stands_alone(char)), len(name))
    end = start + 1
    while end < len(name) and _belongs(name[end - 1], name[end], end - start):
        end += 1
    letter = _capital(name[start:end])
    return letter if letter and len(letter) <= MAX_CODE_POINTS else letter[:1] or UNKNOWN


def _stands_alone(char: str) -> bool:
    """Returns whether it is none of these: a space, a mark, an invisible character, or one of the
    66 that XML and Unicode forbid."""
    forbidden = ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF
    return not (is_blank(char) or forbidden or unicodedata.category(char).startswith("M"))


def _belongs(before: str, char: str, length: int) -> bool:
    """Returns whether `char` is drawn as one with the `length` code points before it (a small part
    of Unicode's rules for grapheme clusters: marks, joined emoji, skin tones, flags)."""
    flag = length == 1 and _is_regional(before) and _is_regional(char)
    extends = char == _JOINER or "\U0001f3fb" <= char <= "\U0001f3ff" or _is_tag(char)
    joined = before == _JOINER and _stands_alone(char)
    return flag or extends or joined or unicodedata.category(char).startswith("M")


def _is_regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_tag(char: str) -> bool:
    return "\U000e0020" <= char <= "\U000e007f"


def _capital(letter: str) -> str:
    """Title case: German and Georgian have letters whose upper case is two, or in no font."""
    capital = letter.title()
    return capital if len(capital) == len(letter) else letter


def default_avatar_address(identity: str, name: str) -> str:
    """Returns the address of the default picture of a user or room. The last digit of the identity
    gives the colour."""
    points = "-".join(f"{ord(char):x}" for char in initial_of(name))
    return f"/avatars/initial/{identity[-1:]}-{points}.svg"


def drawing(name: str) -> str | None:
    """Returns the SVG at `/avatars/initial/<name>.svg`, or None for a name that
    `default_avatar_address` does not make."""
    found = _ADDRESS.fullmatch(name)
    points = [int(point, 16) for point in found[2].split("-")] if found else []
    if not found or len(points) > MAX_CODE_POINTS or max(points) > 0x10FFFF:
        return None
    letter = "".join(map(chr, points))
    if default_avatar_address(found[1], letter) != f"/avatars/initial/{name}.svg":
        return None
    colour = COLOURS[int(found[1], 16) % len(COLOURS)]
    return _SVG.format(colour=colour, letter=escape(letter))
