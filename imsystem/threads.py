"""Blocking work for async callers: ORM calls and password hashing, off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from imsystem.ops.lines import NOBODY, Caller, current_caller, set_caller

P = ParamSpec("P")
T = TypeVar("T")

# Channels' database_sync_to_async puts all sockets of a process on one thread: 20 sockets with a
# 100 ms query each took 2.01 s there and 0.40 s on a pool (channels 4.3.2, 2 cores).
_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="db")


async def run_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a blocking function on the pool. Safe for the ORM: MongoDB's pool is per process."""
    call = partial(_for_caller, current_caller(), partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_pool, call)


def start_in_thread(function: Callable[[], object]) -> None:
    """Runs a blocking function on the pool soon. What it raises is lost: it has to report that
    itself."""
    _pool.submit(function)


def _for_caller(caller: Caller, call: Callable[[], T]) -> T:
    """Calls, with what is logged meanwhile in the name of `caller`."""
    set_caller(caller)
    try:
        return call()
    finally:
        set_caller(NOBODY)
