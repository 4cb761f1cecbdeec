"""Which collections are backed up, in which order, and who reads them.

What refers to something is read before it: a member that was read belongs to a user who existed by
then and is read later. Apps whose collections need more register readers of their own.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Protocol

from django.apps import apps
from django.db import models
from pymongo import timeout
from pymongo.asynchronous.cursor import AsyncCursor

from imsystem.backup.lines import CODEC
from imsystem.mongo.clients import Document, collection

BATCH = 1_000
# For one batch. The embedded database goes through a whole collection before its first document:
# 1.2 s for 100,000.
READ_WITHIN_S = 600.0


class Reader(Protocol):
    """Reads one collection for one backup.

    `after`: collections that are read before it. `resumes`: it can continue after a document.
    """

    after: Sequence[str]
    resumes: bool

    def read(self, last: Document | None) -> AsyncIterator[list[Document]]:
        """Yields all documents in batches, decoded with CODEC; those after `last` if there is
        one."""
        ...

    def note(self, document: Document) -> None:
        """Is told of each document that was written, also by a run that was interrupted."""
        ...


class Plain:
    """Reads a collection in the order in which it is stored, with one cursor.

    Not by windows of `_id`: the embedded database sorts the whole range for each of them (7 s for
    1,000 of 100,000; the cursor reads 40,000 a second). Therefore it cannot start in the middle.
    """

    resumes = False

    def __init__(self, name: str, after: Sequence[str] = ()) -> None:
        self._name = name
        self.after = after

    async def read(self, last: Document | None) -> AsyncIterator[list[Document]]:
        cursor = collection(self._name).with_options(codec_options=CODEC).find(batch_size=BATCH)
        async for batch in batches(cursor):
            yield batch

    def note(self, document: Document) -> None: ...


async def batches(cursor: AsyncCursor[Document]) -> AsyncIterator[list[Document]]:
    """Yields what a cursor finds, in lists; each has its own deadline."""
    async with cursor:
        while True:
            with timeout(READ_WITHIN_S):
                batch = await cursor.to_list(BATCH)
            if not batch:
                return
            yield batch


_factories: list[Callable[[], Mapping[str, Reader]]] = []
_restored: list[Callable[[], None]] = []


def provide_readers(factory: Callable[[], Mapping[str, Reader]]) -> None:
    """Registers `factory`, which makes readers for a backup: {collection: reader}. Called in
    AppConfig.ready()."""
    _factories.append(factory)


def after_restore(hook: Callable[[], None]) -> None:
    """Registers `hook`, which is called when all documents are back, possibly more than once."""
    _restored.append(hook)


def restored() -> None:
    for hook in _restored:
        hook()


def make_readers() -> dict[str, Reader]:
    """Returns the readers of all collections, in the order in which they are to be read."""
    special = {name: reader for factory in _factories for name, reader in factory().items()}
    readers = {name: special.get(name) or Plain(name) for name in tables()}
    before: dict[str, set[str]] = {name: set(reader.after) for name, reader in readers.items()}
    for name, target in _references():
        if target not in readers[name].after:
            before[target].add(name)
    return {name: readers[name] for name in TopologicalSorter(before).static_order()}


def _models() -> list[type[models.Model]]:
    everything = apps.get_models(include_auto_created=True)
    return [model for model in everything if model._meta.managed and not model._meta.proxy]


def tables() -> list[str]:
    return list(dict.fromkeys(model._meta.db_table for model in _models()))


def _references() -> set[tuple[str, str]]:
    """Returns (collection, collection it has foreign keys to), without those to itself."""
    return {
        (model._meta.db_table, field.related_model._meta.db_table)
        for model in _models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and field.related_model._meta.db_table != model._meta.db_table
    }
