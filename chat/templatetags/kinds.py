"""Template filters for messages of any kind."""

from django import template

from chat import kinds
from chat.links import Part, split_links

register = template.Library()
register.filter("preview", kinds.preview)


@register.filter
def kind_template(message: kinds.registry.Said | None) -> str:
    """Returns the template for a message; without one, the template for text."""
    return kinds.template_of(message["kind"] if message else "text")


@register.filter
def links(data: str | None) -> list[Part]:
    """Returns a text in parts, with its web addresses as links; nothing without a message."""
    return split_links(data or "")
