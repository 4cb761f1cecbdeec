"""What a person sees of a backup or restore: bars on a terminal, plain lines elsewhere."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import rich.progress
from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from rich.console import Console

from imsystem.backup import BackupError
from imsystem.ops.failures import refused_user
from imsystem.outage import is_outage

# Not a terminal: a long part reports its progress this often.
LINE_EVERY_S = 30.0


def terminal_language() -> str:
    """Returns the language of the person at the terminal, from the variables that every program
    there reads."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    chosen = next((value for name in names if (value := os.environ.get(name))), "")
    return "zh-hans" if chosen.startswith("zh") else "en"


def size(count: int) -> str:
    """Returns a number of bytes for people: `3.4 MB`."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


class Progress:
    """The parts of one run, one after another."""

    def __init__(self, say: Callable[[str], object], *, silent: bool = False) -> None:
        self._say = say
        console = Console(stderr=True)
        self._lines = not (console.is_terminal or silent)
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description:<24}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeRemainingColumn(),
            console=console,
            disable=silent or not console.is_terminal,
        )
        self._task = rich.progress.TaskID(0)
        self._name = ""
        self._done = self._total = 0
        self._spoke = 0.0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def part(self, name: str, total: int) -> None:
        self._name, self._total, self._done = name, total, 0
        self._spoke = time.monotonic()
        self._task = self._bars.add_task(name, total=total or None)

    def advance(self, count: int) -> None:
        self._done += count
        self._bars.advance(self._task, count)
        if self._lines and time.monotonic() - self._spoke > LINE_EVERY_S:
            self._spoke = time.monotonic()
            self._say(f"{self._name}: {self._done} / {self._total}")

    def end(self, text: str) -> None:
        """The part is done."""
        self._bars.update(self._task, total=self._done, completed=self._done)
        if self._lines:
            self._say(f"{self._name}: {text}")


def amount(documents: int, count: int) -> str:
    """`1200 documents, 3.4 MB`"""
    return _("%(documents)s documents, %(size)s") % {"documents": documents, "size": size(count)}


@contextmanager
def one_line() -> Iterator[None]:
    """Turns what can go wrong inside into the one line of a CommandError."""
    again = _("Run the same command again to continue.")
    try:
        yield
    except BackupError as exc:
        raise CommandError(str(exc)) from exc
    except KeyboardInterrupt:
        raise CommandError(_("Interrupted.") + " " + again, returncode=130) from None
    except OSError as exc:
        place = f" ({exc.filename})" if exc.filename else ""
        raise CommandError(f"{exc.strerror}{place}. {again}") from exc
    except Exception as exc:
        if (refused := refused_user(exc)) is not None:
            raise CommandError(refused) from exc
        if is_outage(exc):
            text = _("The databases are not responding. Is the system running?")
            raise CommandError(f"{text} {again}") from exc
        raise
