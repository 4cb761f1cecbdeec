"""Small regular work of every process: at its start, and once a minute."""

from collections.abc import Callable

EVERY_S = 60.0

_chores: list[Callable[[], object]] = []


def provide_chore(chore: Callable[[], object]) -> None:
    """`chore` is called in a thread, by every process. Called in AppConfig.ready()."""
    _chores.append(chore)


def chores() -> list[Callable[[], object]]:
    return list(_chores)
