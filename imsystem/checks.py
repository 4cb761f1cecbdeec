"""System checks: a wrong configuration is refused with a hint, before anything is served."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def check_secrets(**kwargs: Any) -> list[CheckMessage]:
    """Production (DEBUG off) needs secrets of its own."""
    if settings.DEBUG:
        return []
    return [
        Error(
            f"{name} is not set.",
            hint=f"Set {name} (or {name}_FILE) to 50 random characters; `manage.py up` makes one.",
            id=f"imsystem.E00{number}",
        )
        for number, name in enumerate(("SECRET_KEY", "JWT_SIGNING_KEY"), start=1)
        if getattr(settings, name) == settings.INSECURE_KEY or len(getattr(settings, name)) < 32
    ]


@register()
def check_hosts(**kwargs: Any) -> list[CheckMessage]:
    """`ALLOWED_HOSTS=*` would let any Host header into links and origin checks."""
    if settings.DEBUG or "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Name the hosts people use: ALLOWED_HOSTS=chat.example.org"
    return [Error("ALLOWED_HOSTS is *.", hint=hint, id="imsystem.E003")]


@register()
def check_limits(**kwargs: Any) -> list[CheckMessage]:
    """Limits are switched off for load tests only."""
    if settings.RATE_LIMITS:
        return []
    hint = "Remove RATE_LIMITS=off from the environment."
    return [Warning("Rate limits are off.", hint=hint, id="imsystem.W001")]
