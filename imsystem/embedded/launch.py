"""The first code of every child process: run as a script, it becomes the program it is given.

    python -I -S launch.py SUPERVISOR_PID PROGRAM ARGUMENT...

Popen's preexec_fn would run this code in a forked copy of the supervisor; a script of its own
costs 25 ms and cannot deadlock. It imports nothing of ours.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
# Sockets of one web worker or database; the usual soft limit of 1,024 is reached by 1,000 users.
MAX_OPEN_FILES = 65_536


def end_with(supervisor_pid: int) -> None:
    """On Linux: SIGTERM for this process when the supervisor ends, even by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor_pid:  # it ended before we could ask
        sys.exit(1)


def raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    raise_file_limit()
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 -- the supervisor's own list
