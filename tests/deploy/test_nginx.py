"""deploy/nginx/imsystem.conf, with the nginx that is installed (1.22 on Debian 12)."""

import os
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.sync.client import connect

from imsystem.embedded.network import free_port
from tests.deploy.conftest import DEPLOY
from tests.images import picture
from tests.up import Up, eventually, manage

PASSWORD = "correct horse battery"


@dataclass
class Site:
    """IMSystem behind nginx."""

    url: str
    plain_url: str
    tls: ssl.SSLContext
    access_log: Path
    up: Up
    token: str


def certificate(home: Path) -> Path:
    """A key and a certificate for localhost, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = home / "localhost.pem"
    key_bytes = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(key_bytes + made.public_bytes(pem))
    return path


def configuration(home: Path, pem: Path, https: int, http: int, web: int) -> Path:
    """The file as an operator would install it, with paths and ports of the test."""
    text = (DEPLOY / "nginx" / "imsystem.conf").read_text()
    for pattern, instead in (
        (r"listen \[::\].*\n", "\n"),
        (r"listen 443", f"listen 127.0.0.1:{https}"),
        (r"listen 80;", f"listen 127.0.0.1:{http};"),
        (r"/etc/letsencrypt/\S+\.pem", str(pem)),
        (r"chat\.example\.org", "localhost"),
        (r"127\.0\.0\.1:8000", f"127.0.0.1:{web}"),
        (r"/var/log/nginx/", f"{home}/"),
        (r"https://\$host", f"https://$host:{https}"),
    ):
        text, found = re.subn(pattern, instead, text)
        assert found, pattern
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{name}_temp_path {home}/{name};" for name in temporary)
    # Started by root, nginx would leave root, and the test's directory is root's.
    whole = "user root;" if os.geteuid() == 0 else ""
    whole += f"daemon off; pid {home}/nginx.pid; error_log {home}/error.log;"
    whole += f"events {{}} http {{ {paths}\n{text}\n}}\n"
    path = home / "nginx.conf"
    path.write_text(whole)
    return path


@pytest.fixture(scope="module")
def site(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    nginx, home = program("nginx"), tmp_path_factory.mktemp("nginx")
    https, http, web = free_port(), free_port(), free_port()
    pem = certificate(home)
    file = configuration(home, pem, https, http, web)
    checked = subprocess.run([nginx, "-t", "-c", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    url = f"https://localhost:{https}"
    with Up(home / "data", "--port", str(web), CSRF_TRUSTED_ORIGINS=url) as up:
        made = manage(
            *("createsuperuser", "--noinput", "--account", "root", "--email", "r@example.org"),
            DATA_DIR=str(up.data_dir),
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )
        assert made.returncode == 0, made.stdout
        process = subprocess.Popen([nginx, "-c", file])
        try:
            assert eventually(lambda: _listens(https))
            tls = ssl.create_default_context(cafile=pem)
            entered = httpx.post(
                f"{url}/api/v1/auth/login/",
                json={"account": "root", "password": PASSWORD},
                headers={"X-Forwarded-For": "203.0.113.66"},
                verify=tls,
            )
            token = entered.json()["access"]
            yield Site(url, f"http://localhost:{http}", tls, home / "imsystem.log", up, token)
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {site.token}"}
    with httpx.Client(base_url=site.url, verify=site.tls, headers=headers) as client:
        yield client


def test_pages_come_by_https(client: httpx.Client) -> None:
    page = client.get("/accounts/login/")
    assert page.status_code == 200
    assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
    assert "__Host-csrftoken" in page.headers["Set-Cookie"]


def test_by_http_2(site: Site) -> None:
    site.tls.set_alpn_protocols(["h2", "http/1.1"])
    port = int(site.url.rpartition(":")[2])
    plain = socket.create_connection(("localhost", port), 10)
    with site.tls.wrap_socket(plain, server_hostname="localhost") as connection:
        assert connection.selected_alpn_protocol() == "h2"
    site.tls.set_alpn_protocols(["http/1.1"])


def test_plain_http_leads_there(site: Site) -> None:
    answer = httpx.get(f"{site.plain_url}/chat/?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{site.url}/chat/?x=1")


def test_sockets_get_through(site: Site) -> None:
    with connect(
        f"{site.url.replace('https', 'wss')}/ws/",
        ssl=site.tls,
        subprotocols=["im.v1"],
        additional_headers={"Authorization": f"Bearer {site.token}"},
    ) as chat:
        assert '"type":"ready"' in str(chat.recv(10))


class TestUploads:
    def test_the_longest_picture_gets_through(self, client: httpx.Client) -> None:
        data = picture("BMP", (1_300, 1_300))  # 5 MB, of a kind that is refused when it is read
        assert 4_900_000 < len(data) < 5 * 1024 * 1024
        answer = client.put("/api/v1/users/me/avatar/", content=data, headers=_kind("image/jpeg"))
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        small = client.put("/api/v1/users/me/avatar/", content=picture(), headers=_kind())
        assert small.status_code == 200

    def test_a_longer_one_is_told_by_imsystem(self, client: httpx.Client) -> None:
        data = b"x" * (5 * 1024 * 1024 + 1)
        answer = client.put("/api/v1/users/me/avatar/", content=data, headers=_kind())
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    def test_a_far_longer_one_by_nginx(self, client: httpx.Client) -> None:
        answer = client.put("/api/v1/users/me/avatar/", content=b"x" * 9_000_000, headers=_kind())
        assert (answer.status_code, answer.headers["Server"]) == (413, "nginx")


def _kind(kind: str = "image/jpeg") -> dict[str, str]:
    return {"Content-Type": kind}


def test_the_clients_address_is_nginxs_word(client: httpx.Client) -> None:
    """Not that of a client, who said 203.0.113.66 when the session was opened."""
    sessions = client.get("/api/v1/auth/sessions/").json()
    found = {session["ip"] for session in sessions["results"]}
    assert found == {"127.0.0.1"}


def test_one_identity_is_in_both_logs_and_no_ticket_in_any(
    site: Site, client: httpx.Client
) -> None:
    answer = client.get("/nothing/here/?ticket=nobody-may-see-this")
    identity = answer.headers["X-Request-ID"]
    assert eventually(lambda: identity in site.access_log.read_text())
    told = site.access_log.read_text()
    assert "GET /nothing/here/ 404" in told
    assert "nobody-may-see-this" not in told + site.up.output()
    assert f"[request {identity}, 127.0.0.1]" in site.up.output()
