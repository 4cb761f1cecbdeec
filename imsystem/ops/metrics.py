"""The numbers of this process: each stage of a message, sockets, deliveries, requests.

Prometheus' own client keeps them; imsystem/health/exposition.py shows them.
"""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from prometheus_client import Counter, Gauge, Histogram

Observe = Callable[[float], None]

# Seconds: from a decoded frame (microseconds) to the deadline of a database call (5 s).
_BUCKETS = (
    0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 5,
)  # fmt: skip

_stage = Histogram(
    "imsystem_message_stage_seconds",
    "How long a message spends where: decode, gate (may they send?), wait (until it is numbered), "
    "counter (its number, from Redis), insert (MongoDB), ack (all of it, up to the ack), "
    "fan_out (one event to this process's sockets)",
    ["stage"],
    buckets=_BUCKETS,
)
decode: Observe = _stage.labels("decode").observe
gate: Observe = _stage.labels("gate").observe
wait: Observe = _stage.labels("wait").observe
counter: Observe = _stage.labels("counter").observe
insert: Observe = _stage.labels("insert").observe
ack: Observe = _stage.labels("ack").observe
fan_out: Observe = _stage.labels("fan_out").observe

batch: Observe = Histogram(
    "imsystem_journal_batch_messages",
    "Messages that were stored together",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 256),
).observe
stored: Callable[..., None] = Counter("imsystem_messages_stored_total", "Messages stored").inc
changes: Observe = Histogram(
    "imsystem_change_batch_changes",
    "Changes of messages of one room (edits, recalls) that were stored together",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 512),
).observe
deliveries: Callable[..., None] = Counter(
    "imsystem_deliveries_total", "Frames handed to sockets for events"
).inc
lost_packets: Callable[..., None] = Counter(
    "imsystem_hub_lost_packets_total", "Packets of other processes that the channel layer lost"
).inc
refusals = Counter("imsystem_command_errors_total", "Commands answered with an error", ["code"])
_hooks = Counter(
    "imsystem_hook_messages_total",
    "Messages that a function was told of after they were stored or changed: told, failed (it "
    "raised), dropped (it was too slow)",
    ["hook", "function", "outcome"],
)
sockets = Gauge("imsystem_sockets", "Open sockets", multiprocess_mode="livesum")
closed = Counter("imsystem_sockets_closed_total", "Sockets closed by the server", ["code"])
dropped = Counter(
    "imsystem_connections_dropped_total",
    "Connections the server hung up on: full (no room), idle (made room for a new one), head or "
    "body (came too slowly), answer (was not read)",
    ["why"],
)
_requests = Histogram(
    "imsystem_http_request_seconds",
    "HTTP requests by route and status",
    ["method", "route", "status"],
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)


def hooks(hook: str, function: str) -> Callable[[str, int], None]:
    """Returns what counts the messages for one function: (outcome, how many)."""
    return lambda outcome, count: _hooks.labels(hook, function, outcome).inc(count)


_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class MetricsMiddleware:
    """Notes each request by its route's pattern, not by its address: that may name people."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else ""
        # Anybody can make up methods, and each would be kept for ever.
        method = request.method if request.method in _METHODS else "other"
        labels = _requests.labels(method, route, str(response.status_code))
        labels.observe(time.perf_counter() - started)
        return response
