"""Answers that are files, made while they are sent."""

from collections.abc import AsyncIterator

from django.http import StreamingHttpResponse


def json_attachment(name: str, chunks: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """Returns a JSON file to save as `name` (ASCII). The chunks are requested on the server's loop,
    as fast as the client takes them (Django under ASGI); they hold personal data, so they must not
    be stored."""
    return StreamingHttpResponse(
        chunks,
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
