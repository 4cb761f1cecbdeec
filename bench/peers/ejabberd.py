"""ejabberd as Debian packages it, with its message archive on Mnesia."""

import glob
import http.client
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench import BenchError
from bench.clients import Client, Tally
from bench.peers import xmpp
from bench.peers.base import Peer, Seat
from bench.processes import LOOPBACK, environment, free_port, listens, program, started

LIBRARIES = "/usr/lib/*/ejabberd-*/ebin"
_room_numbers = count()

# Presence of members is not sent to members, as with Prosody; no shapers, no limits in rooms.
CONFIGURATION = """
hosts: ["{domain}"]
loglevel: warning
auth_method: internal
auth_password_format: plain
listen:
  - port: {port}
    ip: "{host}"
    module: ejabberd_http
    request_handlers:
      /ws: ejabberd_http_ws
      /api: mod_http_api
acl:
  loopback: {{ip: ["127.0.0.0/8"]}}
api_permissions:
  bench: {{who: {{acl: loopback}}, what: [register]}}
modules:
  mod_http_api: {{}}
  mod_disco: {{}}
  mod_roster: {{}}
  mod_mam: {{default: always, db_type: mnesia, request_activates_archiving: false}}
  mod_muc:
    host: "{rooms}"
    max_users: 5000
    min_message_interval: 0
    min_presence_interval: 0
    default_room_options: {{mam: true, max_users: 5000, presence_broadcast: []}}
"""


class Ejabberd(Peer):
    name = "ejabberd"
    title = "ejabberd"
    stores = "yes, on disk later"

    def missing(self) -> str:
        found = program("erl") and glob.glob(LIBRARIES)
        return "" if found else "apt-get install ejabberd"

    def version(self) -> str:
        command = ["dpkg-query", "-W", "-f", "${Version}", "ejabberd"]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return f"ejabberd {found.strip() or 'of unknown version'}"

    def _command(self, home: Path) -> list[str]:
        """What ejabberdctl makes of its configuration, without its own user, cluster and epmd."""
        return [
            *(program("erl"), "+K", "true", "+P", "250000", "-noinput"),
            *("-mnesia", "dir", f'"{home}/mnesia"', "-s", "ejabberd"),
        ]

    def _environment(self, home: Path) -> dict[str, str]:
        return environment(
            HOME=str(home),
            ERL_LIBS=str(Path(glob.glob(LIBRARIES)[0]).parents[1]),
            ERL_CRASH_DUMP=str(home / "crash.dump"),
            ERL_MAX_PORTS="32000",
            EJABBERD_CONFIG_PATH=str(home / "ejabberd.yml"),
            EJABBERD_LOG_PATH=str(home / "ejabberd-own.log"),
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        self.port = free_port()
        self.registered = 0
        with tempfile.TemporaryDirectory(prefix="bench-ejabberd-") as folder:
            home = Path(folder)
            (home / "ejabberd.yml").write_text(
                CONFIGURATION.format(
                    host=LOOPBACK, port=self.port, domain=xmpp.DOMAIN, rooms=xmpp.ROOMS
                )
            )
            with started(
                self.name,
                self._command(home),
                home,
                lambda: listens(self.port),
                self._environment(home),
                cwd=home,
            ) as child:
                self.children = {"server": child}
                yield

    def register(self, people: int) -> None:
        """Accounts, through the `register` command of its API."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=30)
        for number in range(self.registered, people):
            person = {"user": f"u{number}", "host": xmpp.DOMAIN, "password": xmpp.PASSWORD}
            connection.request("POST", "/api/register", json.dumps(person))
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise BenchError(f"ejabberd does not register users: {said[:200]!r}")
        self.registered = max(self.registered, people)

    def room(self, size: int) -> list[Seat]:
        self.register(size)
        return xmpp.room_seats(f"room{next(_room_numbers)}", size)

    def pairs(self, count: int) -> list[Seat]:
        self.register(2 * count)
        return xmpp.pair_seats(count)

    def client(self, seat: Seat, index: int, tally: Tally) -> Client:
        return xmpp.XmppClient(seat, index, tally)

    async def connect(self, client: Client, seat: Seat) -> None:
        await xmpp.connect(client, seat, f"ws://{LOOPBACK}:{self.port}/ws")
