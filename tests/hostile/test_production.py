"""A system in production: HTTPS by a proxy in front. Which proxies it trusts, and what it
refuses."""

import json
import re
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.hostile.conftest import Start
from tests.hostile.target import ANSWER_S, PASSWORD, Target
from tests.up import Up, manage

HOST = "chat.example.org"
PUBLIC = {"ALLOWED_HOSTS": HOST, "CSRF_TRUSTED_ORIGINS": f"https://{HOST}"}
# The headers that a proxy in front of it sends.
PROXIED = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}


class Public(Target):
    """Users come through a proxy on this machine, which is trusted by default."""

    host = HOST
    through = PROXIED

    def browser(self, **headers: str) -> Any:
        return super().browser(**self.through | headers)


@pytest.fixture(scope="module")
def target(start: Start) -> Target:
    return start(Public, **PUBLIC)


def cookies(answer: httpx.Response) -> dict[str, "Morsel[str]"]:
    """Returns the cookies as they were sent: name -> value and attributes."""
    found: dict[str, Morsel[str]] = {}
    for header in answer.headers.get_list("Set-Cookie"):
        found |= SimpleCookie(header)
    return found


@pytest.fixture(scope="module")
def seen(target: Target) -> dict[str, "Morsel[str]"]:
    """Returns all cookies from the first page to the first notice: CSRF, session, language,
    notices."""
    seen: dict[str, Morsel[str]] = {}

    def send(path: str, **fields: str) -> httpx.Response:
        # httpx keeps secure cookies to itself: to it, the connection is plain HTTP.
        jar = "; ".join(f"{name}={morsel.value}" for name, morsel in seen.items())
        headers = {"Cookie": jar, "Referer": f"https://{HOST}{path}"}
        method = "POST" if fields else "GET"
        answer = target.ask(method, path, data=fields or None, headers=headers)
        seen.update(cookies(answer))
        return answer

    def token(path: str) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', send(path).text)
        assert found
        return found[1]

    form = {"csrfmiddlewaretoken": token("/accounts/login/")}
    signed_in = send("/accounts/login/", account=target.alice.account, password=PASSWORD, **form)
    assert (signed_in.status_code, signed_in.headers["Location"]) == (302, "/chat/")
    form = {"csrfmiddlewaretoken": token("/accounts/profile/")}
    assert send("/accounts/profile/", nickname="Alice", sex="0", **form).status_code == 302
    assert send("/i18n/setlang/", language="zh-hans", next="/chat/", **form).status_code == 302
    target.secrets.add(seen["__Host-sessionid"].value)
    return seen


class TestCookies:
    def test_all_of_them(self, seen: dict[str, "Morsel[str]"]) -> None:
        names = {"sessionid", "csrftoken", "messages", "django_language", "device"}
        assert set(seen) == {f"__Host-{name}" for name in names}
        for name, morsel in seen.items():
            assert morsel["secure"], name
            assert morsel["httponly"], name
            attributes = (morsel["path"], morsel["domain"], morsel["samesite"])
            assert attributes == ("/", "", "Lax"), name

    def test_names_without_the_prefix_are_worth_nothing(
        self, target: Target, seen: dict[str, "Morsel[str]"]
    ) -> None:
        """A subdomain could have set them."""
        key = seen["__Host-sessionid"].value
        for name, status in (("sessionid", 401), ("__Host-sessionid", 200)):
            headers = {"Cookie": f"{name}={key}"}
            assert target.ask("GET", "/api/v1/users/me/", headers=headers).status_code == status

    def test_the_socket_takes_the_cookie_from_our_pages_only(
        self, target: Target, seen: dict[str, "Morsel[str]"]
    ) -> None:
        headers = {"Cookie": f"__Host-sessionid={seen['__Host-sessionid'].value}", **PROXIED}
        with target.socket(headers, origin=f"https://{HOST}") as socket:
            assert json.loads(socket.recv(timeout=ANSWER_S))["type"] == "ready"
        for origin in (f"http://{HOST}", "https://evil.example", None):
            with target.socket(headers, origin=origin) as socket:
                with pytest.raises(ConnectionClosed) as closed:
                    socket.recv(timeout=ANSWER_S)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code in {4401, 4403}


class TestHttps:
    def test_what_came_by_https(self, target: Target) -> None:
        answer = target.ask("GET", "/accounts/login/")
        assert answer.status_code == 200
        sent = answer.headers["Strict-Transport-Security"]
        assert sent == "max-age=31536000; includeSubDomains"

    @pytest.mark.parametrize("proto", ["", "http", "HTTPS", "wss://", "https, http", "x"])
    def test_what_did_not(self, target: Target, proto: str) -> None:
        """Redirected, unless the header says both: then a redirect might loop for ever."""
        plain = httpx.Client(base_url=target.url, trust_env=False, headers={"Host": HOST})
        with plain:
            headers = {"X-Forwarded-Proto": proto} if proto else {}
            page = plain.get("/accounts/login/", headers=headers)
            if proto.lower().startswith("https"):
                assert page.status_code == 400
                return
            assert page.status_code == 301
            assert page.headers["Location"] == f"https://{HOST}/accounts/login/"
            assert "Strict-Transport-Security" not in page.headers
            assert "Set-Cookie" not in page.headers
            api = plain.post("/api/v1/auth/login/", json={}, headers=headers)
            assert (api.status_code, api.json()["code"]) == (403, "https_required")
            assert plain.get("/healthz", headers=headers).status_code == 200
            assert plain.get("/readyz", headers=headers).status_code == 200

    def test_the_container_s_probe_is_answered(self, target: Target) -> None:
        headers = {"Host": HOST}
        assert httpx.get(f"{target.url}/healthz", headers=headers, trust_env=False).is_success


class TestAddresses:
    @pytest.mark.parametrize(
        ("forwarded", "noted"),
        [
            ("203.0.113.7", "203.0.113.7"),
            ("10.9.9.9, 203.0.113.7", "203.0.113.7"),  # the left one is what the client says
            ("203.0.113.7, 127.0.0.1", "203.0.113.7"),  # through two proxies of ours
            ("2001:db8::7", "2001:db8::7"),
            ("203.0.113.7:5000", "203.0.113.7"),
        ],
    )
    def test_the_last_one_that_is_no_proxy_of_ours(
        self, target: Target, forwarded: str, noted: str
    ) -> None:
        body = {"account": target.alice.account, "password": PASSWORD}
        answer = target.api("auth/login/", body, headers={"X-Forwarded-For": forwarded})
        assert answer.status_code == 200
        headers = {"Authorization": f"Bearer {answer.json()['access']}"}
        devices = target.ask("GET", "/api/v1/auth/sessions/", headers=headers).json()["results"]
        [own] = [device for device in devices if device["current"]]
        assert own["ip"] == noted

    @pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "X-Forwarded-Port"])
    def test_other_headers_of_proxies_mean_nothing(self, target: Target, header: str) -> None:
        answer = target.ask("GET", "/chat/", headers={header: "host=evil.example"})
        assert answer.headers["Location"] == "/accounts/login/?next=/chat/"

    def test_a_host_of_nobody(self, target: Target) -> None:
        headers = {"Host": "evil.example", "X-Forwarded-Host": HOST}
        assert target.ask("GET", "/", headers=headers).status_code == 400


def test_an_unknown_proxy_is_told_and_not_sent_around_in_circles(tmp_path: Path) -> None:
    """This machine is not among the trusted: what it says of others is not believed."""
    with Up(tmp_path / "data", TRUSTED_PROXIES="10.9.9.9", **PUBLIC) as up:
        for _ in range(3):
            path, headers = f"{up.url}/accounts/login/", {"Host": HOST, **PROXIED}
            answer = httpx.get(path, headers=headers, trust_env=False)
            assert answer.status_code == 400
            assert "Strict-Transport-Security" not in answer.headers
        warnings = [line for line in up.output().splitlines() if "TRUSTED_PROXIES" in line]
    assert len(warnings) == 1
    assert "127.0.0.1 says X-Forwarded-Proto: https" in warnings[0]


class TestRefusals:
    """97: a system that would be open to everybody does not start at all.

    tests/imsystem/ops/test_checks.py has everything that is refused.
    """

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"DEBUG": "on"}, "DEBUG is on where others see it."),
            ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS is *."),
            ({"SECRET_KEY": "insecure-development-key-never-used-in-production"},
             "SECRET_KEY is not set."),
            ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES names '0.0.0.0/0'"),
        ],
    )  # fmt: skip
    def test_it_says_why_in_one_line(
        self, target: Target, tmp_path: Path, changes: dict[str, str], reason: str
    ) -> None:
        endpoints = json.loads((target.up.data_dir / "endpoints.json").read_text())
        variables = PUBLIC | endpoints | {"MONGODB_NAME": "im_refused"} | changes
        ended = manage("up", "--port", "0", "--data-dir", str(tmp_path / "data"), **variables)
        assert ended.returncode == 1, ended.stdout
        assert "error: The configuration is refused." in ended.stdout
        assert reason in ended.stdout
        assert "Traceback" not in ended.stdout
        assert "ready after" not in ended.stdout
