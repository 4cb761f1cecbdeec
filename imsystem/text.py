"""What people type into names, messages and fields for numbers and codes."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache

from imsystem.confusables import confusables

# Cc control, Cf invisible format, Cs surrogate, Zs/Zl/Zp spaces and separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
# What stands between the digits of a number: Pd dashes, Mn and Me marks (a keycap is a digit with
# two of them), and what only looks like a dash or a space: minus, Hangul fillers, blank Braille.
_SEPARATING = _INVISIBLE | {"Pd", "Mn", "Me"}
_SEPARATORS = frozenset("\u2212\u115f\u1160\u2800")


# Letters, marks and symbols that are drawn as nothing: Hangul fillers, the blank of Braille, Khmer
# inherent vowels, and what Unicode calls Default_Ignorable_Code_Point beyond the category Cf.
_EMPTY = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\ufff0-\ufff8\U0001d159\U000e0000-\U000e0fff]"
)
# These reverse the text that follows, also outside the name ("gpj.exe").
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# The flag of a region (of England: a black flag and tags) is all that tags are for.
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
_NOT_IN_NAMES = re.compile(f"[{_BIDI}\u2028\u2029\U000e0000-\U000e00ff]")
# Drawn, though Unicode counts them as format characters: signs that enclose a number.
_DRAWN = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
# Unicode's UTS 39 (5.4) finds more than four marks on one letter in no language.
MAX_MARKS = 4


def is_blank(text: str) -> bool:
    """Returns True when nothing of the text can be seen: empty, spaces, characters without a
    picture, and marks without a letter."""
    return all(_draws_nothing(character) for character in text)


def _draws_nothing(character: str) -> bool:
    category = unicodedata.category(character)
    return category in _INVISIBLE or category in {"Mn", "Me"} or bool(_EMPTY.match(character))


def is_plain_line(text: str) -> bool:
    """Returns whether a name can be shown beside other text: one line that neither reverses what
    follows, nor holds what cannot be seen, nor grows over the lines above it."""
    visible = _FLAG.sub("", text)
    if has_control(text) or _NOT_IN_NAMES.search(visible) or hides_something(visible):
        return False
    marks = 0
    for character in unicodedata.normalize("NFD", text):
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if marks > MAX_MARKS:
            return False
    return True


def hides_something(text: str) -> bool:
    """Returns whether the text holds characters that are drawn as nothing, where they have no part
    in how their neighbours are drawn."""
    around = f" {text} "
    return any(
        _is_hidden(character, before, after)
        for before, character, after in zip(around, text, around[2:], strict=False)
    )


def _is_hidden(character: str, before: str, after: str) -> bool:
    if unicodedata.category(character) != "Cf" and not _EMPTY.match(character):
        return False
    if character in _DRAWN:
        return False
    shapes = _SHAPES.get(character)
    if (shapes is None and "\ufe00" <= character <= "\ufe0f") or character >= "\U000e0100":
        shapes = _varies
    return shapes is None or not shapes(before, after)


def _is_picture(character: str) -> bool:
    return unicodedata.category(character) in {"So", "Sk"} or character in "\ufe0f\U000e007f"


def _joins(before: str, after: str) -> bool:
    """A joiner: between pictures, in words of scripts whose letters join, after a virama."""
    if unicodedata.combining(before) == 9 or (_is_picture(before) and _is_picture(after)):
        return True
    return _cursive(before) and _cursive(after)


def _cursive(character: str) -> bool:
    category = unicodedata.category(character)
    return unicodedata.bidirectional(character) == "AL" or (
        category in {"Mn", "Mc", "Lo"} and unicodedata.name(character, "").split()[0] in _JOINING
    )


_JOINING = frozenset(
    {"ARABIC", "SYRIAC", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA"}
    | {"TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR"}
)


def _varies(before: str, _after: str) -> bool:
    """A variation selector: of a picture, a sign, a digit of a keycap or a Chinese character."""
    category, name = unicodedata.category(before), unicodedata.name(before, "")
    return (
        category[0] == "S"
        or before in "#*0123456789\u203c\u2049\u3030\u303d"
        or (category == "Lo" and name.startswith("CJK"))
    )


def _mongolian(before: str, _after: str) -> bool:
    return unicodedata.name(before, "").startswith("MONGOLIAN LETTER")


_SHAPES: dict[str, Callable[[str, str], bool]] = {
    "\u200c": _joins,
    "\u200d": _joins,
    **dict.fromkeys("\u180b\u180c\u180d\u180e\u180f", _mongolian),
}


@lru_cache(10_000)
def lookalike_keys(text: str) -> frozenset[str]:
    """Returns what a name can be taken for: two names that have a key in common look alike.

    Skeletons as in UTS 39, without case, spaces and what cannot be seen. Upper and lower case look
    like different letters (`I` like `l`, `i` like nothing else), so there are two.
    """
    seen = "".join(c for c in text if c.isspace() or not _draws_nothing(c) or _is_mark(c))
    seen = "".join(unicodedata.normalize("NFKC", seen).split())
    return frozenset({_skeleton(seen).casefold(), _skeleton(seen.casefold())})


def lookalikes(names: Mapping[str, str]) -> set[str]:
    """Returns the keys of those names that can be taken for another one of them."""
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for key, name in names.items():
        for each in lookalike_keys(name):
            alike[each].add(key)
    return {key for keys in alike.values() if len(keys) > 1 for key in keys}


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) == "Mn" and not _EMPTY.match(character)


def _skeleton(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", decomposed.translate(confusables()))


def without_hidden(text: str) -> str:
    """Returns the text of a short field without what cannot be seen in it: no spaces around it, and
    none of the characters that copying brings along (zero-width spaces, byte order marks)."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf").strip()


def has_control(text: str) -> bool:
    """Returns True when the text holds control characters (line breaks included) or lone
    surrogates."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def folded(text: str) -> str:
    """Returns the number or code that somebody typed or pasted: `1234 5678` and `1234-5678` are
    `12345678`.

    NFKC, decimal digits of any script as ASCII, without what only separates or cannot be seen.
    Letters keep their case.
    """
    kept = (c for c in unicodedata.normalize("NFKC", text) if not _separates(c))
    return "".join(str(unicodedata.decimal(c, c)) for c in kept)


def _separates(character: str) -> bool:
    return character in _SEPARATORS or unicodedata.category(character) in _SEPARATING


def same_password(text: str) -> str:
    """Returns one form of a password, however a keyboard composes its accents (NFC) and widths
    (NFKC)."""
    return unicodedata.normalize("NFKC", text)
