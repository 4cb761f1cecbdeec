"""Functions that are told of stored and changed messages, outside the message path.

What an index, notifications or thumbnails do with a message happens here: after the ack, in a task
of its own for each function, in batches. Nothing is promised. A process that dies, or a function
that is slower than MAX_WAITING messages, misses some; a function that must miss none has to follow
the rooms by seq and revision and takes this as a hint. The same message may come twice.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from imsystem.loops import PerLoop, background
from imsystem.ops import metrics

logger = logging.getLogger(__name__)

# For each function of a process. A message holds 1 to 6 kB, so 10 MB as a rule.
MAX_WAITING = 5_000
BATCH = 100

# The messages as payloads. They are shared, so a function must not change them.
Messages = Sequence[Mapping[str, Any]]
Told = Callable[[Messages], Awaitable[None]]


class Hook:
    """An event of messages that functions can be registered for."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._functions: list[Told] = []
        self._queues: PerLoop[dict[Told, _Queue]] = PerLoop(dict)

    def __call__(self, function: Told) -> Told:
        """Registers a function; usable as a decorator. Called once, at start-up."""
        self._functions.append(function)
        return function

    def __bool__(self) -> bool:
        """Tells whether anybody wants to know, so that nothing is prepared in vain."""
        return bool(self._functions)

    def tell(self, messages: Messages) -> None:
        """Queues messages for every function. Never waits and never raises."""
        for function in self._functions:
            queues = self._queues()
            if function not in queues:
                queues[function] = _Queue(self._name, function)
            queues[function].put(messages)


class _Queue:
    """The messages that wait for one function on one event loop."""

    def __init__(self, hook: str, function: Told) -> None:
        self._function = function
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._count = metrics.hooks(hook, self._name)
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, messages: Messages) -> None:
        free = MAX_WAITING - len(self._waiting)
        self._waiting.extend(messages[:free])
        if free < len(messages):
            self._count("dropped", len(messages) - free)
        if self._task is None:
            self._task = background(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = list(islice(self._waiting, BATCH))
                try:
                    await self._function(batch)
                except Exception as exc:
                    # Only its class: the exception may quote what people wrote.
                    logger.error("%s failed with %s", self._name, type(exc).__name__)
                    self._count("failed", len(batch))
                else:
                    self._count("told", len(batch))
                for _message in batch:
                    self._waiting.popleft()
                await asyncio.sleep(0)  # a function that never waits must not hold up the others
        finally:
            self._task = None


on_stored = Hook("stored")
on_changed = Hook("changed")
