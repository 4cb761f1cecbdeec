"""Where clients open their socket, and what they speak there (docs/protocol.md)."""

PATH = "/ws/"
SUBPROTOCOL = "im.v1"
