"""What a message can say: its content, and the registry of the kinds of messages.

A new kind is a module here that calls `register`, imported at the end of this file. A new field is
declared in content.py, and in chat/payloads.py for documents and clients.
"""

from chat.kinds.content import BLANK as BLANK
from chat.kinds.content import Content as Content
from chat.kinds.content import Identity as Identity
from chat.kinds.registry import PREVIEW_LENGTH as PREVIEW_LENGTH
from chat.kinds.registry import Kind as Kind
from chat.kinds.registry import check_edit as check_edit
from chat.kinds.registry import check_sent as check_sent
from chat.kinds.registry import preview as preview
from chat.kinds.registry import register as register
from chat.kinds.registry import searchable_text as searchable_text
from chat.kinds.registry import template_of as template_of

from chat.kinds import text as text  # isort: skip -- kinds register themselves
