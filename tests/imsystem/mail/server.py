"""A real SMTP server for tests (aiosmtpd): TLS, AUTH, refusals; it keeps what it was handed."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER = "im@example.org"


class Handler:
    """Answers as it is told to, and notes each envelope."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.hello = ""
        self.envelopes: list[Any] = []
        self.answers: dict[str, str] = {}
        self.commands: list[str] = []

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = self.hello = hostname
        return responses

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.commands.append("MAIL")
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.commands.append("RCPT")
        if "RCPT" in self.answers:
            return self.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.commands.append("DATA")
        if "DATA" in self.answers:
            return self.answers["DATA"]
        self.envelopes.append(envelope)
        return "250 OK"

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        wanted = (USER.encode(), self.password.encode())
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == wanted
        return AuthResult(success=is_right, handled=False)

    @property
    def messages(self) -> list[Message]:
        return [message_from_bytes(envelope.content) for envelope in self.envelopes]


@contextmanager
def mail_server(
    settings: Any, *, password: str = "", tls: Path | None = None, auth: bool = False
) -> Iterator[Handler]:
    """A server on a free port, and settings that name it. With `tls`, a directory for the
    certificate, it demands STARTTLS; with `auth` it takes mail after a login only."""
    handler = Handler(password)
    options: dict[str, Any] = {"hostname": "127.0.0.1", "port": 0, "server_hostname": "mail.test"}
    if tls is not None:
        options |= {"tls_context": _context(tls), "require_starttls": True}
    if auth:
        options |= {"authenticator": handler.authenticate, "auth_required": True}
        options |= {"auth_require_tls": tls is not None}
    controller = _Controller(handler, **options)
    controller.start()
    settings.EMAIL_BACKEND = "imsystem.mail.backends.SmtpBackend"
    settings.EMAIL_FILE_PATH = None
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.bound_port
    settings.EMAIL_USE_TLS = tls is not None
    settings.EMAIL_HOST_USER = USER if password else ""
    settings.EMAIL_HOST_PASSWORD = password
    try:
        yield handler
    finally:
        controller.stop()


class _Controller(Controller):
    """Takes port 0, which aiosmtpd's own would knock at."""

    @property
    def bound_port(self) -> int:
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    def _trigger_server(self) -> None:
        self.port = self.bound_port
        super()._trigger_server()


def _context(home: Path) -> ssl.SSLContext:
    """A certificate of its own signature for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = home / "mail.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
