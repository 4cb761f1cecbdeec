"""JSON for clients: one encoder for frames and for what the views of the API answer."""

import msgspec
from django.utils.functional import Promise


def _plain(value: object) -> int | str:
    """Converts what msgspec does not take: PyMongo's 64-bit numbers, a subclass of int; and texts
    that are translated only when they are read, or carry more than a text (DRF's errors)."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str | Promise):
        return str(value)
    raise TypeError(f"cannot encode {type(value)}")


encoder = msgspec.json.Encoder(enc_hook=_plain)
