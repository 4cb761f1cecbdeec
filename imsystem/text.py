"""What people type into names, messages and fields for numbers and codes."""

import re
import unicodedata

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
    follows, nor holds hidden tags, nor grows over the lines above it."""
    if has_control(text) or _NOT_IN_NAMES.search(_FLAG.sub("", text)):
        return False
    marks = 0
    for character in unicodedata.normalize("NFD", text):
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if marks > MAX_MARKS:
            return False
    return True


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
