"""What Prometheus is told about jobs."""

from prometheus_client import Counter, Gauge, Histogram

# The newest value of any living process: whichever looked last knows best.
waiting = Gauge(
    "imsystem_jobs_waiting",
    "Jobs that are due, running or waiting for their next try",
    ["queue"],
    multiprocess_mode="livemostrecent",
)
oldest = Gauge(
    "imsystem_jobs_oldest_seconds",
    "Since when the oldest of them has been due",
    ["queue"],
    multiprocess_mode="livemostrecent",
)
ended = Counter(
    "imsystem_jobs_total",
    "Runs of jobs by how they ended: done, retry, failed, expired (too late to be of use), lost "
    "(cancelled, or taken over by another process)",
    ["queue", "outcome"],
)
seconds = Histogram(
    "imsystem_job_seconds",
    "How long runs took",
    ["queue"],
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)
