"""Finds the web addresses in a text, for pages that the server renders.

static/js/lib/links.js does the same in the browser; both are checked against
tests/cases/links.json. Two rules stand above all others: only http and https become links, and a
link never leads to another host than the one that a reader sees.
"""

import re
from typing import TypedDict
from unicodedata import category

_SCHEME = re.compile(r"https?://", re.IGNORECASE | re.ASCII)
_ASCII_WORD = re.compile(r"[A-Za-z0-9]")
_HOST_MARKS = "._-"
_PATH_MARKS = "!#$%&'()*+,-./:;=?@_~[]{}|"
_CJK = re.compile(
    "[\u1100-\u115e\u1161-\u11ff\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3031-\u3035\u3041-\u3096"
    "\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u3163\u3165-\u318e\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff]"
)
_WIDE = re.compile("[\uff01-\uffef]")
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f]")
_PORT = re.compile(r":[0-9]{1,5}(?![0-9])")
_AUTHORITY = re.compile(r"[!$%&'()*+,\-.0-9:;=@A-Z\[\]_a-z~]*")
# Latin letters with marks look like nothing else; other scripts have letters that look Latin.
_LABEL = re.compile(
    "[A-Za-z0-9_\u00c0-\u00d6\u00d8-\u00de\u00e0-\u00f6\u00f8-\u012f\u0132-\u0148\u014a-\u017e-]{1,63}"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE | re.ASCII)
_IPV4 = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_OPENING = {")": "(", "]": "[", "}": "{"}
_BMP_END = 0x10000


class Part(TypedDict):
    """A piece of a text. `href` is empty for plain text."""

    text: str
    href: str


def split_links(text: str) -> list[Part]:
    """Returns the parts of the text in order."""
    parts: list[Part] = []
    end = 0
    for match in _SCHEME.finditer(text):
        start = match.start()
        if start < end or (start > 0 and _ASCII_WORD.match(text[start - 1])):
            continue
        address = _address_at(text, start, match.end())
        if not address:
            continue
        if start > end:
            parts.append({"text": text[end:start], "href": ""})
        parts.append({"text": address, "href": address})
        end = start + len(address)
    if end < len(text):
        parts.append({"text": text[end:], "href": ""})
    return parts


def _address_at(text: str, start: int, host_start: int) -> str:
    """Returns the address whose scheme begins at `start`, "" if there is none."""
    host_end = _end_of_host(text, host_start)
    host = text[host_start:host_end]
    if not host or not _is_host(host) or _is_doubtful(text, host, host_end):
        return ""
    port = _PORT.match(text, host_end)
    end = port.end() if port else host_end
    if text[end : end + 1] in tuple("/?#"):
        end = _end_of_path(text, end)
    return _trimmed(text[start:end], host_end - start, text[start - 1] if start else "")


def _is_letter(character: str) -> bool:
    return (
        category(character)[0] in "LMN"
        and ord(character) < _BMP_END
        and not _WIDE.match(character)
        and not _INVISIBLE.match(character)
    )


def _is_invisible(character: str) -> bool:
    if "\t" <= character <= "\r":
        return False
    return category(character) in {"Cc", "Cf"} or _INVISIBLE.match(character) is not None


def _sentence_goes_on(text: str, at: int) -> bool:
    """CJK directly after a Latin letter or digit is the sentence going on."""
    return bool(_CJK.match(text[at]) and _ASCII_WORD.match(text[at - 1]))


def _end_of_host(text: str, start: int) -> int:
    end = start
    while end < len(text) and (text[end] in _HOST_MARKS or _is_letter(text[end])):
        if end > start and _sentence_goes_on(text, end):
            break
        end += 1
    while end > start and text[end - 1] in _HOST_MARKS:
        end -= 1
    return end


def _is_host(host: str) -> bool:
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return bool(_IPV4.fullmatch(host)) and all(int(label) < 256 for label in labels)
    if not all(map(_is_label, labels)):
        return False
    # A lone word in another alphabet is rarely an address.
    return len(labels) > 1 or host.isascii()


def _is_label(label: str) -> bool:
    return bool(_LABEL.fullmatch(label)) or (label != "" and all(map(_CJK.match, label)))


def _is_doubtful(text: str, host: str, end: int) -> bool:
    """True if a reader could take what follows for a part of the host."""
    authority = _AUTHORITY.match(text, end)
    if authority and "@" in authority[0]:
        return True
    following = text[end : end + 1]
    if not following:
        return False
    if following in "%\\" or (_WIDE.match(following) and category(following)[0] in "LMN"):
        return True
    if "." not in host and following in "\u3002\uff0e\uff61":
        return True
    return _is_invisible(following) and not _ends_after_invisible(text, end)


def _ends_after_invisible(text: str, at: int) -> bool:
    """An invisible character must not hide that the host goes on."""
    end = at
    while end < len(text) and _is_invisible(text[end]):
        end += 1
    following = text[end : end + 1] or " "
    goes_on = _is_letter(following) or _WIDE.match(following) or following in ".:@%\\/_-"
    return bool(_CJK.match(following)) or not goes_on


def _end_of_path(text: str, start: int) -> int:
    end = start
    while end < len(text) and (text[end] in _PATH_MARKS or _is_letter(text[end])):
        # A segment of CJK is a part of the path; directly after Latin the sentence goes on.
        if _sentence_goes_on(text, end):
            break
        end += 1
    return end


def _trimmed(address: str, least: int, before: str) -> str:
    """Returns the address without the punctuation of the sentence around it."""
    while len(address) > least and _belongs_to_sentence(address, before):
        address = address[:-1]
    return address


def _belongs_to_sentence(address: str, before: str) -> bool:
    """Whether the last character of the address does."""
    last = address[-1]
    if last in ".,;:!?*":
        return True
    if last in _OPENING:
        return address.count(last) > address.count(_OPENING[last])
    if last == "'":
        return before == "'" or address.count("'") % 2 == 1
    return last in "_~|" and before == last
