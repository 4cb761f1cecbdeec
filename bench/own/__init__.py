"""Workloads that only IMSystem has: sockets by the thousand, the API, the start."""
