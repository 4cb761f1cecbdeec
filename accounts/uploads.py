"""The picture in a request: as a part of a form, or as the whole body."""

import io
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import UnsupportedMediaType

from imsystem.client_limits import AVATAR_BYTES
from imsystem.errors import BadRequest, TooLarge

FIELDS = ("avatar", "file")
# The lines around a part and other small fields of a form.
FORM_BYTES = 16 * 1024
MAX_BODY_BYTES = AVATAR_BYTES + FORM_BYTES
TOO_LARGE = _("Pictures can be at most 5 MB.")


def picture_in_body(request: HttpRequest) -> bytes:
    """Returns the picture of a request whose body has not been read yet.

    `image/*`: the body itself; `multipart/form-data`: its only file. Raises TooLarge, BadRequest at
    `avatar`, or UnsupportedMediaType. Reads no more than what is allowed; does not need to be told
    a length, unlike `request.FILES`, which is empty then.
    """
    kind = request.content_type or ""
    form = kind == "multipart/form-data"
    if not form and not kind.startswith("image/"):
        raise UnsupportedMediaType(kind)
    body = _read(request, MAX_BODY_BYTES if form else AVATAR_BYTES)
    return picture_in_form(_files(request, body)) if form else body


def picture_in_form(files: MultiValueDict[str, Any]) -> bytes:
    """Returns the picture of a form: its only file, named `avatar` or `file`."""
    names = list(files)
    parts = [part for name in names for part in files.getlist(name)]
    if len(parts) != 1 or names[0] not in FIELDS:
        raise BadRequest(errors={"avatar": [_("Send exactly one picture.")]})
    if parts[0].size > AVATAR_BYTES:
        raise TooLarge(TOO_LARGE)
    data: bytes = parts[0].read()
    return data


def _read(stream: HttpRequest, limit: int) -> bytes:
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(TOO_LARGE)
    return body


class _InMemory(MemoryFileUploadHandler):
    """Django's, without its own opinion of what is small: the body was measured already."""

    def handle_raw_input(self, *args: object, **kwargs: object) -> None:
        self.activated = True


def _files(request: HttpRequest, body: bytes) -> MultiValueDict[str, Any]:
    meta = {"CONTENT_TYPE": request.META.get("CONTENT_TYPE", ""), "CONTENT_LENGTH": len(body)}
    try:
        return MultiPartParser(meta, io.BytesIO(body), [_InMemory()]).parse()[1]
    except (MultiPartParserError, SuspiciousOperation, ValueError):
        raise BadRequest(errors={"avatar": [_("Send exactly one picture.")]}) from None
