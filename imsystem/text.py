"""What people type into names and messages."""

import unicodedata

# Cc control, Cf invisible format, Cs surrogate, Zs/Zl/Zp spaces and separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})


def is_blank(text: str) -> bool:
    """True when nothing of the text can be seen: empty, spaces, zero-width characters."""
    return all(unicodedata.category(character) in _INVISIBLE for character in text)


def has_control(text: str) -> bool:
    """True when the text holds control characters (line breaks included) or lone surrogates."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
