"""System checks of the settings about accounts: a wrong value is refused before anything starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from accounts.canonical import canonical_domain


@register()
def check_registration_domains(**kwargs: Any) -> list[CheckMessage]:
    """A domain that no address can have would lock everybody out."""
    hint = "Domains only, with commas: REGISTRATION_DOMAINS=example.org,example.com"
    return [
        Error(
            f"REGISTRATION_DOMAINS names {name!r}, which is not a domain.",
            hint=hint,
            id="accounts.E101",
        )
        for name in settings.REGISTRATION_DOMAINS
        if not _is_domain(name)
    ]


def _is_domain(name: str) -> bool:
    try:
        return "." in canonical_domain(name)
    except ValueError:
        return False
