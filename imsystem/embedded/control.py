"""The web worker's side of the control socket, which is its standard input.

Workers import Django while the databases start (1.6 s each), then wait for their turn.
"""

import socket
import sys

REFUSED = 78  # exit code of a worker that has told the user what is wrong (EX_CONFIG)


def wait_for_turn() -> socket.socket:
    """Waits until the supervisor says go, and returns the socket. Exits when it has ended."""
    control = socket.socket(fileno=0)
    if not control.recv(1):
        sys.exit(1)
    return control


def say_ready(control: socket.socket) -> None:
    """Tells the supervisor that this child does its work now."""
    control.sendall(b"r")
