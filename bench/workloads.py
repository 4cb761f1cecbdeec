"""The table: what is measured, how large, and what IMSystem should reach. Nothing else decides."""

from dataclasses import dataclass
from enum import Enum

from bench.figures import Target, at_least, at_most

# The same text for everybody. With the sender's and the message's number before it, 94 bytes.
TEXT = "The quick brown fox jumps over the lazy dog. 敏捷的棕色狐狸跳过了懒狗。"

# --- Messages -------------------------------------------------------------------------------
WARM_UP_S = 1.0
# Ten senders with two messages on their way each: the room is kept busy, the queue stays short.
SENDERS = 10
WINDOW = 2
PAIRS = 100
OFFERED = 1_000.0  # messages a second

# --- IMSystem's own workloads ---------------------------------------------------------------
# Everybody of a crowd is in CROWD_ROOMS rooms of CROWD_ROOM_SIZE people.
CROWD_ROOMS = 5
CROWD_ROOM_SIZE = 50
# What each of those rooms received while its members were away.
MISSED_MESSAGES = 2
RECONNECTING = 2_000
CONNECTS_AT_ONCE = 100
# Long enough for a heartbeat (25 s) of every socket and the room heads (30 s).
IDLE_S = 32.0
HISTORY_PAGE = 50
HISTORY_REQUESTS = 300
LISTED_ROOMS = 200
LIST_REQUESTS = 50
REST_CONNECTIONS = 16


class In(Enum):
    """The forms in which a workload runs on peers, or more than once. Named by --only, it is as in
    the full form."""

    ALL = "quick and full"
    FULL = "full"
    NONE = "none"


@dataclass(frozen=True)
class Row:
    """One line of the table. `digits`: after the point; `rate`: more is better, peers are given
    with the ratio."""

    key: str
    title: str
    target: Target | None = None
    digits: int = 0
    rate: bool = False
    unit: str = ""


@dataclass(frozen=True)
class Workload:
    """A measurement with its rows. `kind` says which function measures it (plan.py)."""

    name: str
    kind: str
    rows: tuple[Row, ...]
    peers: In = In.NONE
    size: int = 0
    full_only: bool = False
    quick_only: bool = False
    # Where it is not repeated, a row is one value and no median.
    repeated: In = In.ALL


def _room(size: int, peers: In, *more: Row) -> Workload:
    rate = Row("deliveries", f"room of {size:,}: deliveries/s", at_least(60_000), rate=True)
    return Workload(f"room-{size}", "room", (rate, *more), peers, size)


def _idle(count: int, *, full_only: bool) -> Workload:
    cpu = at_most(3) if count <= 2_000 else None  # the target is for so many
    return Workload(
        f"idle-{count}",
        "idle",
        (
            Row("kib", f"{count:,} idle sockets: memory of a socket", at_most(20), 1, unit="KiB"),
            Row("cpu", f"{count:,} idle sockets: web process, of a core", cpu, 1, unit="%"),
            Row("cpu_all", f"{count:,} idle sockets: all of `up`, of a core", None, 1, unit="%"),
        ),
        size=count,
        full_only=full_only,
        repeated=In.NONE,
    )


def _history(count: int, *, full_only: bool = False, quick_only: bool = False) -> Workload:
    return Workload(
        f"history-{count}",
        "history",
        (
            Row("small", "history page of 50, of 1,000 messages: p50", at_most(5), 2, unit="ms"),
            Row("large", f"history page of 50, of {count:,}: p50", at_most(5), 2, unit="ms"),
            Row("growth", f"history page of 50: of {count:,} to of 1,000", at_most(1.2), 2),
        ),
        size=count,
        full_only=full_only,
        quick_only=quick_only,
        repeated=In.NONE,
    )


WORKLOADS = (
    _room(
        200,
        In.ALL,
        Row("half_p99", "room of 200, half of that load: delivery p99", at_most(40), 1, unit="ms"),
    ),
    _room(1_000, In.FULL),
    Workload(
        "pairs",
        "pairs",
        (
            Row("messages", "100 pairs: messages/s", at_least(2_500), rate=True),
            Row("ack_p50", "100 pairs: ack p50", None, 1, unit="ms"),
            Row("ack_p99", "100 pairs: ack p99", None, 1, unit="ms"),
            Row("steady_p50", "100 pairs at 1,000/s: ack p50", at_most(15), 1, unit="ms"),
            Row("steady_p99", "100 pairs at 1,000/s: ack p99", at_most(50), 1, unit="ms"),
        ),
        In.ALL,
        PAIRS,
    ),
    _idle(2_000, full_only=False),
    _idle(10_000, full_only=True),
    Workload(
        "connects",
        "connects",
        (Row("rate", "authenticated connects/s", at_least(800), rate=True),),
        size=2_000,
        repeated=In.FULL,
    ),
    _history(50_000, quick_only=True),
    _history(1_000_000, full_only=True),
    Workload(
        "room-list",
        "room-list",
        (Row("p50", "list of 200 rooms: p50", at_most(30), 1, unit="ms"),),
        size=LISTED_ROOMS,
    ),
    Workload(
        "rest",
        "rest",
        (Row("rate", "REST sends/s", at_least(300), rate=True),),
        size=REST_CONNECTIONS,
    ),
    Workload(
        "start",
        "start",
        (
            Row("seconds", "cold start of `up` to the first page", at_most(5), 1, unit="s"),
            Row("mb", "idle web process: memory", at_most(120), 0, unit="MB"),
        ),
    ),
    # The last: whoever gives way to it gives way for good.
    Workload(
        "reconnect",
        "reconnect",
        (
            Row(
                "seconds",
                f"{RECONNECTING:,} reconnect at once: all synced",
                at_most(10),
                1,
                unit="s",
            ),
            Row("refused", f"{RECONNECTING:,} reconnect at once: refused, tried again"),
        ),
        size=RECONNECTING,
        repeated=In.FULL,
    ),
)


@dataclass(frozen=True)
class Lead:
    """IMSystem's rate against a peer's: the row (`workload.key`), the peer, the target."""

    row: str
    peer: str
    target: Target | None


LEADS = (
    Lead("room-200.deliveries", "channels-daphne", at_least(15)),
    Lead("pairs.messages", "channels-daphne", at_least(6)),
    Lead("room-200.deliveries", "prosody", at_least(1)),
    Lead("pairs.messages", "prosody", at_least(1)),
    Lead("room-200.deliveries", "ejabberd", at_least(1)),
    Lead("pairs.messages", "ejabberd", at_least(1)),
)


@dataclass(frozen=True)
class Form:
    """How long and how often: the quick form is the default of `make bench`."""

    full: bool
    runs: int
    seconds: float
    steady_seconds: float


QUICK = Form(full=False, runs=3, seconds=2.5, steady_seconds=1.5)
FULL = Form(full=True, runs=5, seconds=5.0, steady_seconds=5.0)
