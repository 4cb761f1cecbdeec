"""A mail server as far as Django's client needs one (RFC 5321): it writes each mail to a file."""

import asyncio
from pathlib import Path


class MailServer:
    """Listens on `port`; mails go to `home`, one file each, as EchoFileBackend writes them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = 0
        self._count = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self.home.mkdir(exist_ok=True)
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 mail.test\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    self._keep(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                await writer.drain()
                if verb == b"QUIT":
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _keep(self, mail: bytes) -> None:
        self._count += 1
        (self.home / f"{self._count}.log").write_bytes(mail.replace(b"\r\n", b"\n"))
