"""What people type into names, messages and fields for numbers and codes."""

import unicodedata

# Cc control, Cf invisible format, Cs surrogate, Zs/Zl/Zp spaces and separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
# What stands between the digits of a number: Pd dashes, Mn and Me marks (a keycap is a digit with
# two of them), and what only looks like a dash or a space: minus, Hangul fillers, blank Braille.
_SEPARATING = _INVISIBLE | {"Pd", "Mn", "Me"}
_SEPARATORS = frozenset("\u2212\u115f\u1160\u2800")


def is_blank(text: str) -> bool:
    """True when nothing of the text can be seen: empty, spaces, zero-width characters."""
    return all(unicodedata.category(character) in _INVISIBLE for character in text)


def has_control(text: str) -> bool:
    """True when the text holds control characters (line breaks included) or lone surrogates."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def folded(text: str) -> str:
    """The number or code that somebody typed or pasted: `1234 5678` and `1234-5678` are `12345678`.

    NFKC, decimal digits of any script as ASCII, without what only separates or cannot be seen.
    Letters keep their case.
    """
    kept = (c for c in unicodedata.normalize("NFKC", text) if not _separates(c))
    return "".join(str(unicodedata.decimal(c, c)) for c in kept)


def _separates(character: str) -> bool:
    return character in _SEPARATORS or unicodedata.category(character) in _SEPARATING
