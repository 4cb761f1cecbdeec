"""The load tool: `make bench`. bench/README.md says what it measures and how to read the table.

workloads   the table: what is measured, how large, and the targets
figures     percentiles, medians, ratios: the arithmetic
clients     one socket, and what all sockets of a measurement saw
loads       flood and steady load over those sockets, and their accounts
processes   starting the parts, their CPU time and memory
peers/      the systems that are measured side by side, IMSystem among them
cast        IMSystem's users, rooms and messages, many at once
http        a small HTTP client for the API's workloads
own/        the workloads that only IMSystem has
plan        which workloads run on whom, in which order
report      the table, as text, Markdown and JSON
"""


class BenchError(Exception):
    """The measurement cannot continue. The text is the one line that the user gets; the exit code
    is 1."""


class SkippedError(Exception):
    """A workload that this machine cannot run. The text says what is missing."""
