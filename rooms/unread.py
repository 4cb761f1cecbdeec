"""What counts as unread: others' live messages after the read position. tests/cases/unread.json has
the cases, which static/js/lib/unread.js follows too.

The count is computed and never stored. Whatever shows one (REST, `ready`, `room.added`, pages) gets
it from `Recent.count`.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

# So many of a room's newest messages are looked at. What is further back counts by its number, so
# a count costs a bounded read however long somebody was away.
WINDOW = 200

# Kinds of messages that are no news: what has happened in the room, and numbers never used.
SAID_BY_NOBODY = frozenset({"system", "void"})

# Who sent the message, or None if it counts for nobody.
Author = str | None


def author_of(message: Mapping[str, Any], revision: int) -> Author:
    """Returns who sent the message, if it counts. A recall that is later than the `revision` which
    the room has for the reader does not count yet: clients hear of it, and take it off then."""
    recalled = message["recalled_at"] is not None and message["revision"] <= revision
    if recalled or message["kind"] in SAID_BY_NOBODY:
        return None
    return sys.intern(str(message["user_identity"]))


class Recent:
    """The authors of a room's messages from `first` + 1 on.

    The heads of a room share one of these: it grows at its end, and every other change makes a new
    one. Whoever counts up to the `last_seq` of a head therefore gets what was so at that moment.
    """

    __slots__ = ("_authors", "first")

    def __init__(self, first: int = 0, authors: Sequence[Author] = ()) -> None:
        self.first = first
        self._authors = list(authors)

    def count(self, user_identity: str, after: int, last_seq: int) -> int:
        """Returns how many messages in (after, last_seq] are unread to this user."""
        if after >= last_seq:
            return 0
        looked_at = max(after, last_seq - WINDOW, self.first)
        authors = self._authors[looked_at - self.first : last_seq - self.first]
        return looked_at - after + sum(a is not None and a != user_identity for a in authors)

    def missing(self, after: int, last_seq: int) -> int:
        """Returns how many messages must be read below `first` before a count from `after`."""
        return 0 if after >= last_seq else max(0, self.first - max(after, last_seq - WINDOW))

    def noted(self, seq: int, author: Author) -> "Recent":
        """Returns what is known after a message was created or has changed."""
        index = seq - self.first - 1
        if index < 0:
            return self
        if index >= len(self._authors):
            self._authors += [None] * (index - len(self._authors)) + [author]
            spare = len(self._authors) - 2 * WINDOW
            return self if spare <= 0 else self._from(self.first + WINDOW)
        if self._authors[index] == author:
            return self
        changed = Recent(self.first, self._authors)
        changed._authors[index] = author
        return changed

    def _from(self, first: int) -> "Recent":
        return Recent(first, self._authors[first - self.first :])

    def preceded(self, first: int, authors: Sequence[Author]) -> "Recent":
        """Returns what is known with the messages from `first` + 1 up to where this begins."""
        return Recent(first, [*authors, *self._authors])
