"""White space between sentences that are translated one by one."""

from django import template
from django.utils.translation import get_language

register = template.Library()

# The full-width stops of these languages bring their own space along.
_WITHOUT = ("zh", "ja")


@register.simple_tag
def space() -> str:
    """Renders what stands between two sentences: nothing in Chinese.

    The template must have no white space of its own around the tag.
    """
    return "" if (get_language() or "").startswith(_WITHOUT) else " "
