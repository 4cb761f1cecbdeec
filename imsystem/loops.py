"""One event loop a process carries the journal, the hub and the async database clients.

Under ASGI it is the server's loop. Synchronous callers (REST views in their threads, pages,
management commands) reach it with `run_on_loop`; in a process without a server it is a loop in a
background thread, started on first use.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from imsystem.errors import Unavailable

T = TypeVar("T")

# Longer than every database deadline together; a backstop, not a policy.
CALL_TIMEOUT_S = 20.0
LOOK_AGAIN_S = 1.0

_lock = threading.Lock()
_server_loop: asyncio.AbstractEventLoop | None = None
_thread_loop: asyncio.AbstractEventLoop | None = None


def adopt_running_loop() -> None:
    """Makes the running loop the process's loop. Called by the ASGI application."""
    global _server_loop
    _server_loop = asyncio.get_running_loop()


def on_server_loop() -> bool:
    """Tells whether the caller is on the server's event loop, where nothing may wait."""
    try:
        return asyncio.get_running_loop() is _server_loop
    except RuntimeError:
        return False


def _background_loop() -> asyncio.AbstractEventLoop:
    global _thread_loop
    with _lock:
        if _thread_loop is None:
            _thread_loop = asyncio.new_event_loop()
            threading.Thread(target=_thread_loop.run_forever, name="loop", daemon=True).start()
        return _thread_loop


def run_on_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs `coroutine` on the process's loop and waits for its result.

    Raises what the coroutine raises, or Unavailable after CALL_TIMEOUT_S or when the loop ends.
    Never call it on the loop's own thread: it would wait for itself.
    """
    loop = _server_loop if _server_loop and _server_loop.is_running() else _background_loop()
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    deadline = time.monotonic() + CALL_TIMEOUT_S
    while True:
        try:
            return future.result(LOOK_AGAIN_S)
        except TimeoutError:
            if future.done():  # the coroutine's own
                raise
        # A loop that has ended answers nobody, and a process does not end before its threads do.
        if time.monotonic() > deadline or not loop.is_running():
            future.cancel()
            raise Unavailable


def call_on_loop(callback: Callable[[], object]) -> None:
    """Makes the server's loop call `callback` soon, from any thread; does nothing without a
    server."""
    if _server_loop and _server_loop.is_running():
        _server_loop.call_soon_threadsafe(callback)


def background(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Starts a task that outlives the request or socket which happens to start it, or works for
    others. So its log lines do not name that one."""
    return asyncio.get_running_loop().create_task(work, context=Context())


class PerLoop(Generic[T]):
    """A value created once for each event loop: async clients and the journal belong to one
    loop."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()
        # What was asked for last: looking here first takes a third of the time.
        self._latest: tuple[asyncio.AbstractEventLoop, T] | None = None

    def made(self) -> T | None:
        """Returns the running loop's value if it was requested before."""
        return self._values.get(asyncio.get_running_loop())

    def __call__(self) -> T:
        loop, latest = asyncio.get_running_loop(), self._latest
        if latest is not None and latest[0] is loop:
            return latest[1]
        try:
            value = self._values[loop]
        except KeyError:
            value = self._values.setdefault(loop, self._make())
        self._latest = loop, value
        return value
