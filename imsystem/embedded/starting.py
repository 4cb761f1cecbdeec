"""What the port answers until the first web worker serves: that the system is starting.

A first start migrates for up to a minute, and a new index on a million messages takes longer.
Connections that nobody answers look like a dead server to people, load balancers and containers.
"""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from imsystem.ids import new_identity

RETRY_AFTER_S = 5
POLL_S = 0.05
# A client that is slow to say what it wants waits for the real server.
PATIENCE_S = 5.0
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5"><title>IMSystem</title>
<h1>IMSystem is starting</h1><p>This page reloads by itself.</p>
<p lang="zh-Hans">系统正在启动，页面会自动刷新。</p>
"""
PROBLEM = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "The system is starting.",
    "code": "unavailable",
}
_HEALTH = {"/healthz", "/api/v1/health/live/"}
_READY = {"/readyz", "/api/v1/health/ready/"}


def answer(path: str, request_id: str) -> tuple[int, str, str]:
    """Returns the status, the content type and the body for a path."""
    path = path.partition("?")[0]
    if path in _HEALTH:
        return 200, "application/json", json.dumps({"status": "ok"})
    if path in _READY:
        return 503, "application/json", json.dumps({"status": "starting"})
    if path.startswith("/api/"):
        return 503, "application/problem+json", json.dumps(PROBLEM | {"request_id": request_id})
    return 503, "text/html; charset=utf-8", PAGE


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S
    server_version = "IMSystem"
    sys_version = ""

    def _answer(self) -> None:
        request_id = new_identity()
        status, kind, body = answer(self.path, request_id)
        self.send_response(status)
        self.send_header("X-Request-ID", request_id)
        for name, value in self._headers(kind, body.encode()).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    def _headers(self, kind: str, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Retry-After": str(RETRY_AFTER_S),
            "Cache-Control": "no-store, private",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Connection": "close",
        }

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Writes nothing: these requests are not the log's business."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()  # the one it has made itself
        # One open file description with the workers' end: whoever accepts first, has it.
        self.socket = listener

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing about clients that hang up."""


class Starting:
    """Answers on the listening socket from `start` until `stop`, on a thread of its own."""

    def __init__(self, listener: socket.socket) -> None:
        listener.setblocking(False)  # a worker may have taken the connection that woke us
        self._server = _Server(listener)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_S,), name="starting", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns once nothing is accepted here any more; the socket stays open."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
