"""What a client shows of a room, by the rules of docs/protocol.md."""

from typing import Any

Json = dict[str, Any]


class Timeline:
    """What a client shows of one room: everything up to `seq`, in order, as of `revision`."""

    def __init__(self) -> None:
        self.seq = 0
        self.revision = 0
        self.shown: list[Json] = []
        self._newest: dict[str, Json] = {}  # identity -> the message as last changed
        self._held: dict[int, Json] = {}  # came before its turn
        self._final = 0
        self._head = (0, 0)

    @property
    def lacking(self) -> bool:
        head_seq, head_revision = self._head
        return bool(self._held) or head_seq > self.seq or head_revision > self.revision

    @property
    def gap(self) -> str:
        """Returns what it waits for, in words."""
        held = f"holds {min(self._held)}-{max(self._held)}" if self._held else "holds nothing"
        return f"{held}, final {self._final}, head {self._head[0]}"

    def text_of(self, identity: str) -> str:
        return str(self._newest[identity]["data"])

    def announced(self, seq: int, revision: int) -> None:
        self._head = (max(seq, self._head[0]), max(revision, self._head[1]))

    def created(self, message: Json) -> None:
        self._hold(message)
        self._drain()

    def updated(self, message: Json) -> None:
        self._change(message)
        if message["revision"] == self.revision + 1:
            self.revision += 1
        self.announced(0, message["revision"])

    def synced(self, answer: Json) -> None:
        """Takes the answer to `sync` with this timeline's seq and revision."""
        for message in answer["messages"]:
            self._hold(message)
        for message in answer["changed"]:
            self._change(message)
        self.announced(answer["last_seq"], answer["revision"])
        self.revision = max(self.revision, answer["revision"])
        self._final = max(self._final, answer["complete_to"])
        self._drain()

    def forget(self) -> None:
        """Drops what was shown so far; it stays where it is."""
        self.shown.clear()
        self._newest.clear()

    def _hold(self, message: Json) -> None:
        if message["seq"] > self.seq:
            self._held[message["seq"]] = message
            self._change(message)

    def _change(self, message: Json) -> None:
        known = self._newest.get(message["identity"])
        if known is None or known["revision"] < message["revision"]:
            self._newest[message["identity"]] = message

    def _drain(self) -> None:
        """Shows what is next, and what comes after gaps that are final."""
        for seq in sorted(self._held):
            if seq > max(self.seq, self._final) + 1:
                break  # in a gap that is longer than an answer to `sync`
            self.shown.append(self._held.pop(seq))
            self.seq = seq
        self.seq = max(self.seq, self._final)
