"""Request bodies: strict JSON objects only."""

import math
from typing import Any, NoReturn

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StrictJSONParser(JSONParser):
    """JSON in UTF-8 with an object at the top; no NaN, no Infinity, no NUL, no lone surrogate.

    Raises ParseError (400) for everything else, including bodies nested too deep.
    """

    strict = True

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        context = {**(parser_context or {}), "encoding": "utf-8"}
        try:
            parsed = super().parse(stream, media_type, context)
            _check_text(parsed)
        except (ParseError, RecursionError, ValueError):
            _refuse()
        if not isinstance(parsed, dict):
            _refuse()
        return parsed


def _refuse() -> NoReturn:
    raise ParseError(_("The body must be one JSON object in UTF-8."))


def _check_text(value: Any) -> None:
    """Raises ValueError where a string cannot be stored or shown: NUL, lone surrogates."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("NUL in text")
        value.encode()  # UnicodeEncodeError, a ValueError, for a lone surrogate
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
