"""Serializer fields that take exactly what they say and nothing similar.

DRF's CharField takes 1 and True for text, its IntegerField takes "1" and 1.0.
"""

from typing import Any

from rest_framework import serializers

from imsystem.ids import IDENTITY_PATTERN


class StrictCharField(serializers.CharField):
    """A JSON string, as it came: no trimming."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer; not a string, a fraction or a boolean."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """JSON's true or false; DRF's own takes "on", "no" and 1 as well."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class QueryIntegerField(serializers.IntegerField):
    """An integer in a query string: ASCII digits, at most 16 of them."""

    def to_internal_value(self, data: Any) -> int:
        if not (isinstance(data, str) and data.isascii() and data.isdigit() and len(data) <= 16):
            self.fail("invalid")
        return int(data)


class IdentityField(serializers.RegexField):
    """An identity: 24 hex digits, with nothing around them."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        # \Z, not $: $ also matches before a final line break.
        super().__init__(rf"\A{IDENTITY_PATTERN}\Z", **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        value: str = super().to_internal_value(data)
        return value
