"""The limit of the load generator: the most that any server could show in the table.

python -m bench.peers.limit_server PORT

Sends each frame as it is to everybody on the same path, in C (picows). No sign-in, no JSON, no
storage, no order between processes: nothing that a chat needs.
"""

import sys
from collections import defaultdict

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

rooms: dict[bytes, set[WSTransport]] = defaultdict(set)


class Broadcaster(WSListener):
    def __init__(self, room: bytes) -> None:
        self.room = rooms[room]

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.room.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.room.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            text = frame.get_payload_as_bytes()
            for member in self.room:
                member.send(WSMsgType.TEXT, text)


def listener(request: WSUpgradeRequest) -> Broadcaster:
    return Broadcaster(request.path)


async def serve(port: int) -> None:
    server = await ws_create_server(listener, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
