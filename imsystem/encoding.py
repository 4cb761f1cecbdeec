"""JSON for clients: frames and what the views of the API answer are encoded by one encoder."""

import msgspec
from django.utils.functional import Promise


def _plain(value: object) -> int | str:
    """What msgspec does not take as it is: PyMongo's 64-bit numbers, a subclass of int; and texts
    that are translated only when they are read, or know more than a text (DRF's errors)."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str | Promise):
        return str(value)
    raise TypeError(f"cannot encode {type(value)}")


encoder = msgspec.json.Encoder(enc_hook=_plain)
