"""One read for many callers: callers who ask while a read is running share the next one.

When 2,000 sockets come back at once, each needs the same few documents of its own. Read one by one
they take SecantusDB 0.7 ms each, by twenties 0.07 ms; MongoDB is spared the round trips.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Generic, TypeVar

from imsystem.loops import background
from imsystem.mongo.clients import IN_AT_ONCE

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

AT_ONCE = IN_AT_ONCE


class SharedReads(Generic[K, T]):
    """Belongs to one event loop. `read` is given keys, each once and at most `at_once`, and returns
    what it finds of them.

    What a caller gets was always read after it asked. It is shared: do not change it.
    """

    def __init__(
        self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, T]]], at_once: int = AT_ONCE
    ) -> None:
        self._read = read
        self._at_once = at_once
        self._wanted: dict[K, list[asyncio.Future[T | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: K) -> T | None:
        """Returns what there is under the key. Raises what the read raises."""
        future = self._future(key)
        self._start()
        return await future

    async def get_all(self, keys: Iterable[K]) -> dict[K, T]:
        """Returns what there is of these keys. Raises what a read raises."""
        futures = {key: self._future(key) for key in keys}
        self._start()
        answers = {key: await future for key, future in futures.items()}
        return {key: answer for key, answer in answers.items() if answer is not None}

    def _future(self, key: K) -> "asyncio.Future[T | None]":
        """A future for each caller: one that gives up takes nothing from the others."""
        future: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._wanted.setdefault(key, []).append(future)
        return future

    def _start(self) -> None:
        if self._task is None:
            self._task = background(self._read_all())

    async def _read_all(self) -> None:
        try:
            while self._wanted:
                some = dict(islice(self._wanted.items(), self._at_once))
                for key in some:
                    del self._wanted[key]
                await self._answer(some)
        finally:
            self._task = None

    async def _answer(self, some: "Mapping[K, list[asyncio.Future[T | None]]]") -> None:
        try:
            found = await self._read(list(some))
        except Exception as exc:
            for future in _waiting(some.values()):
                future.set_exception(exc)
                future.exception()  # marks it as seen: of several keys one waits for the first
        else:
            for key, futures in some.items():
                for future in _waiting([futures]):
                    future.set_result(found.get(key))


def _waiting(groups: "Iterable[list[asyncio.Future[T]]]") -> "list[asyncio.Future[T]]":
    return [future for futures in groups for future in futures if not future.done()]
