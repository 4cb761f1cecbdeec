"""Django's part of the ASGI application: each request on one thread, from beginning to end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import Any, NamedTuple, cast

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.signals import request_started
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.response import FileResponse
from django.urls import set_script_prefix

from imsystem.errors import Unavailable
from imsystem.http.held import current_held
from imsystem.http.problems import problem_response
from imsystem.sources import source_of_client

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

# A shorter file is read at once and closed (pieces of 64 KiB). A longer one, which is read as its
# client takes it, keeps a descriptor, and counts as this much.
WHOLE_PIECES = 4
STREAM_COSTS = 1024 * 1024
# A request for the message path waits on its thread for the disk (20 ms), not for the processor.
MAX_REQUESTS = 32
_threads = ThreadPoolExecutor(max_workers=MAX_REQUESTS, thread_name_prefix="request")


class SyncHandler(ASGIHandler):
    """All middleware and views here are synchronous. Django's own handler starts a thread for each
    request and changes three times between it and the event loop: /healthz took 2.3 ms of processor
    time with it, and takes 1.0 ms without.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        except OSError as exc:  # a body over 2.5 MB is written to disk, which may be full
            logger.error("a request could not be read: %s", exc.strerror)
            await self.send_response(problem_response(Unavailable()), send)
            return
        with body:
            request, refusal = self.create_request(scope, body)
            if request is None:
                await self.send_response(cast(HttpResponseBase, refusal), send)
            else:
                await self._answer(request, receive, send)

    async def _answer(self, request: ASGIRequest, receive: Receive, send: Send) -> None:
        own = copy_context()  # otherwise the language of a request would be that of the next
        answer: _Answer = await _in_thread(own.run, self._respond, request)
        held, source = current_held(), source_of_client(request.scope.get("client"))
        held.keep(source, answer.holds)
        try:
            if answer.is_open:
                await self._stream(cast(StreamingHttpResponse, answer.response), receive, send)
            else:
                await self.send_response(answer.response, send)
        finally:
            held.let_go(source, answer.holds)

    async def _stream(self, response: StreamingHttpResponse, receive: Receive, send: Send) -> None:
        """Sends piece by piece, as fast as the client reads, until it disconnects."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        ending = asyncio.ensure_future(_hung_up(receive))
        try:
            await asyncio.wait((sending, ending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, ending):
                task.cancel()
            await asyncio.wait((sending, ending))
            await _in_thread(response.close)
        if not sending.cancelled():
            sending.result()

    def _respond(self, request: ASGIRequest) -> "_Answer":
        """Closes the answer too, unless it is still to be read from a file."""
        set_script_prefix(get_script_prefix(request.scope))
        request_started.send(sender=self.__class__, scope=request.scope)
        response = self.get_response(request)
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        answer = _answer(response)
        if not answer.is_open:
            response.close()
        return answer


class _Answer(NamedTuple):
    """A response, the bytes that are held until it is read, and whether more is to be read of a
    file or a database."""

    response: HttpResponseBase
    holds: int
    is_open: bool


def _answer(response: HttpResponseBase) -> _Answer:
    if not isinstance(response, StreamingHttpResponse):
        return _Answer(response, len(cast(HttpResponse, response).content), is_open=False)
    if response.is_async:
        return _Answer(response, STREAM_COSTS, is_open=True)
    # Django under ASGI would read all of a plain iterator first, however slow the client is.
    pieces = iter(response)
    first = list(islice(pieces, WHOLE_PIECES))
    is_open = len(first) == WHOLE_PIECES
    response.streaming_content = _pieces(first, pieces if is_open else iter(()))
    return _Answer(response, STREAM_COSTS if is_open else sum(map(len, first)), is_open)


async def _in_thread(function: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(_threads, function, *args)


async def _hung_up(receive: Receive) -> None:
    """Returns when the client has disconnected. The first message may be an empty rest of the
    body."""
    if (await receive())["type"] != "http.disconnect":
        await receive()


async def _pieces(first: list[bytes], rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in first:
        yield piece
    while (piece := await _in_thread(next, rest, None)) is not None:
        yield piece
