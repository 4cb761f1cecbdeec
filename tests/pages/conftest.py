"""Browsers for page tests: Django's client, signed in or not, and what a page shows."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from channels.layers import get_channel_layer
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from imsystem.loops import run_on_loop
from imsystem.realtime.hub import current_hub

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session", autouse=True)
def _quiet_hub() -> Iterator[None]:
    """Stops what pages use in the background before the databases go."""
    yield

    async def stop() -> None:
        await current_hub().stop()
        await get_channel_layer().flush()

    run_on_loop(stop())


def browser(user: User | None = None, language: str = "en") -> Client:
    client = Client(headers={"Accept-Language": language})
    if user is not None:
        client.force_login(user, backend="accounts.backends.AccountBackend")
    return client


def text(response: HttpResponse) -> str:
    """The visible text of a page, in one line."""
    page = response.content.decode()
    page = re.sub(r"<(script|template)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def field_errors(response: HttpResponse) -> dict[str, list[str]]:
    return {name: list(map(str, texts)) for name, texts in response.context["form"].errors.items()}
