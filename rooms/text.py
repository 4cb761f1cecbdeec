"""Names and descriptions of rooms."""

from django.utils.translation import gettext_lazy as _

from imsystem.errors import BadRequest
from imsystem.text import has_control, is_blank

MAX_NAME = 64
MAX_INFO = 500


def valid_name(text: str) -> str:
    """The trimmed name; BadRequest when it is blank, too long or not one line."""
    name = text.strip()
    if is_blank(name):
        raise BadRequest(errors={"name": [_("Give the room a name.")]})
    if len(name) > MAX_NAME or has_control(name):
        raise BadRequest(errors={"name": [_("Use one line of at most 64 characters.")]})
    return name


def valid_info(text: str) -> str:
    """The trimmed description; BadRequest when it is too long."""
    info = text.strip()
    if len(info) > MAX_INFO or "\x00" in info:
        raise BadRequest(errors={"info": [_("Use at most 500 characters.")]})
    return info
