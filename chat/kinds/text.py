"""Plain text, the kind of almost every message."""

from operator import itemgetter

from chat.kinds.content import Content
from chat.kinds.registry import Kind, register
from chat.policies import valid_data


def _check(content: Content) -> Content:
    valid_data(content.data)
    return content


register(
    Kind(
        name="text",
        template="chat/kinds/text.html",
        check=_check,
        preview=itemgetter("data"),
        searchable=itemgetter("data"),
    )
)
