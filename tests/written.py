"""Which collections the tests of this process have put documents in: those are emptied."""

from pymongo import monitoring

WRITES = frozenset({"insert", "update", "findAndModify"})


class Written(monitoring.CommandListener):
    """`names` of collections since they were last taken. Hears every client of this process."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def take(self) -> list[str]:
        names, self._names = self._names, set()
        return sorted(names)

    def note(self, *names: str) -> None:
        """Adds the collections that a process beside the tests' has written to."""
        self._names.update(names)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in WRITES:
            self._names.add(event.command[event.command_name])

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


written = Written()
monitoring.register(written)
