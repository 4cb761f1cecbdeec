"""Prosody as Debian packages it, with its message archive on SQLite."""

import glob
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.clients import Client, Tally
from bench.peers import xmpp
from bench.peers.base import Peer, Seat
from bench.processes import LOOPBACK, free_port, listens, program, started

SQLITE_DRIVERS = "/usr/lib/*/lua/5.*/dbd/sqlite3.so"
_room_numbers = count()

# Presence of members is not sent to members: it makes entering a room of 1,000 a matter of
# seconds and has no part in sending a message.
CONFIGURATION = """
run_as_root = true
data_path = "{home}"
pidfile = "{home}/prosody.pid"
log = {{ warn = "{home}/warnings.log" }}
modules_enabled = {{ "roster", "saslauth", "disco", "websocket", "mam" }}
modules_disabled = {{ "s2s", "offline" }}
c2s_ports = {{ }}
authentication = "internal_plain"
storage = {{ archive = "sql"; muc_log = "sql" }}
default_storage = "internal"
sql = {{ driver = "SQLite3"; database = "{home}/archive.sqlite" }}
default_archive_policy = true
archive_expires_after = "never"
muc_log_expires_after = "never"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_websocket_secure = true
http_interfaces = {{ "{host}" }}
http_ports = {{ {port} }}
https_ports = {{ }}
http_default_host = "{domain}"
VirtualHost "{domain}"
Component "{rooms}" "muc"
    modules_enabled = {{ "muc_mam" }}
    muc_log_by_default = true
    muc_room_locking = false
    muc_room_default_presence_broadcast = {{
        visitor = false; participant = false; moderator = false;
    }}
"""


class Prosody(Peer):
    name = "prosody"
    title = "Prosody"
    stores = "yes, before it delivers"

    def missing(self) -> str:
        packages = []
        if not program("prosody"):
            packages.append("prosody")
        if not glob.glob(SQLITE_DRIVERS):
            packages.append("lua-dbi-sqlite3")
        return f"apt-get install {' '.join(packages)}" if packages else ""

    def version(self) -> str:
        # `prosody --version` starts a server; `prosodyctl` wants a configuration.
        command = ["dpkg-query", "-W", "-f", "${Version}", "prosody"]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return f"Prosody {found.strip() or 'of unknown version'}"

    @contextmanager
    def running(self) -> Iterator[None]:
        self.port = free_port()
        self.registered = 0
        with tempfile.TemporaryDirectory(prefix="bench-prosody-") as folder:
            self.home = Path(folder)
            configuration = self.home / "prosody.cfg.lua"
            configuration.write_text(
                CONFIGURATION.format(
                    home=folder, host=LOOPBACK, port=self.port, domain=xmpp.DOMAIN, rooms=xmpp.ROOMS
                )
            )
            command = [program("prosody"), "--config", str(configuration), "-F"]
            with started(
                self.name, command, self.home, lambda: listens(self.port), cwd=self.home
            ) as child:
                self.children = {"server": child}
                yield

    def register(self, people: int) -> None:
        """Accounts, as files of Prosody's internal storage: prosodyctl takes 0.2 s for each."""
        folder = self.home / xmpp.DOMAIN / "accounts"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(self.registered, people):
            account = f'return {{ ["password"] = "{xmpp.PASSWORD}"; }};\n'
            (folder / f"u{number}.dat").write_text(account)
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
        await xmpp.connect(client, seat, f"ws://{LOOPBACK}:{self.port}/xmpp-websocket")
