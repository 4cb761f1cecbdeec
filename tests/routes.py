"""Every address there is, read from the URLconf: new routes are in the tests without a word."""

import re
from collections.abc import Iterator, Mapping

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """`/api/v1/rooms/{room_identity}/`, …: with the names of what varies."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + _template(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield f"/{path}"


def _template(pattern: object) -> str:
    text = str(pattern)
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", text)
    assert isinstance(pattern, RegexPattern)
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", text).strip("^$").replace("\\", "")


def filled(route: str, values: Mapping[str, str], default: str = "none-such") -> str:
    """The route with a value for each name in it."""
    return re.sub(r"{(\w+)}", lambda found: values.get(found[1], default), route)
