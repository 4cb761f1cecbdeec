"""Browsers for tests of pages: Django's client, signed in or not, and what a page shows."""

import re
from html import unescape

from django.http import HttpResponse
from django.test import Client

from accounts.models import User

PASSWORD = "correct horse battery"


def browser(user: User | None = None, language: str = "en") -> Client:
    client = Client(headers={"Accept-Language": language})
    if user is not None:
        client.force_login(user, backend="accounts.backends.AccountBackend")
    return client


def text(response: HttpResponse) -> str:
    """Returns the visible text of a page, in one line."""
    page = response.content.decode()
    page = re.sub(r"<(script|template)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def field_errors(response: HttpResponse) -> dict[str, list[str]]:
    return {name: list(map(str, texts)) for name, texts in response.context["form"].errors.items()}
