"""Arguments and results of jobs as text, encrypted where they hold secrets."""

import json
from typing import Any

from imsystem.encryption import decrypt, encrypt

PURPOSE = "job"


def pack(args: Any, kwargs: Any, *, secret: bool) -> str:
    text = json.dumps({"args": list(args), "kwargs": kwargs}, ensure_ascii=False)
    return encrypt(text, purpose=PURPOSE) if secret else text


def unpack(payload: str, *, secret: bool) -> tuple[list[Any], dict[str, Any]]:
    """Returns the arguments. Raises DecryptionError when SECRET_KEY has changed."""
    loaded = json.loads(decrypt(payload, purpose=PURPOSE) if secret else payload)
    return loaded["args"], loaded["kwargs"]
