"""Pages, cookies and the admin under attack (60, 91-95, 98)."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.hostile.target import ANSWER_S, PASSWORD, Target, Visitor

IM: Any = ["im.v1"]
ELSEWHERE = [
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "https:evil.example", "https://evil.example", "http:///evil.example",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "data:text/html,x", "/\t/evil.example", "/\n/evil.example", "//127.0.0.1@evil.example",
    " //evil.example", "https://127.0.0.1.evil.example/", "\x01https://evil.example", "//%5cevil",
]  # fmt: skip


@contextmanager
def signed_in(target: Target, account: str) -> Iterator[Visitor]:
    """Returns a browser that somebody has signed in with."""
    with target.browser() as visitor:
        answer = visitor.form("/accounts/login/", account=account, password=PASSWORD)
        assert answer.status_code == 302
        target.secrets.add(visitor.cookies["sessionid"])
        yield visitor


class TestRedirects:
    """60: nobody is sent to another site."""

    @pytest.mark.usefixtures("untouched")
    def test_the_sign_in_page_keeps_no_such_address(self, target: Target) -> None:
        for where in ELSEWHERE:
            self.keeps_no_such_address(target, where)

    def keeps_no_such_address(self, target: Target, where: str) -> None:
        page = target.ask("GET", f"/accounts/login/?next={quote(where)}")
        assert page.status_code == 200
        kept = re.findall(r'name="next" value="([^"]*)"', page.text)
        # The form's own, and that of the language menu: this page once more.
        assert "/chat/" in kept
        assert [path for path in kept if not re.match(r"/(chat/$|accounts/login/)", path)] == []

    def test_signing_in_leads_to_a_local_page(self, target: Target) -> None:
        for where in ELSEWHERE:
            with target.browser() as visitor:
                fields = {"account": target.alice.account, "password": PASSWORD, "next": where}
                answer = visitor.form("/accounts/login/", **fields)
                assert (answer.status_code, answer.headers["Location"]) == (302, "/chat/"), where

    def test_other_pages_that_go_on(self, target: Target) -> None:
        with signed_in(target, target.alice.account) as visitor, target.unchanged():
            for where in ELSEWHERE:
                for path in ("/accounts/login/", "/admin/login/"):
                    answer = visitor.get(path, params={"next": where})
                    assert "evil" not in answer.headers.get("Location", ""), (path, where)
                token = visitor.token("/accounts/profile/")
                data = {"language": "en", "next": where, "csrfmiddlewaretoken": token}
                answer = visitor.post("/i18n/setlang/", data=data)
                assert answer.headers["Location"].startswith("/"), where
                assert not answer.headers["Location"].startswith(("//", "/\\")), where


class TestCsrf:
    """91: a page of another site can send forms, but not this site's token."""

    def attempts(self, target: Target, visitor: Visitor) -> list[dict[str, str]]:
        token = visitor.token("/accounts/profile/")
        own = f"http://{target.host}"
        return [
            {},
            {"csrfmiddlewaretoken": "x" * 64},
            {"csrfmiddlewaretoken": token[::-1]},
            {"csrfmiddlewaretoken": token, "Origin": "https://evil.example"},
            {"csrfmiddlewaretoken": token, "Origin": "null"},
            {"csrfmiddlewaretoken": token, "Origin": own.replace("http", "https")},
            {"csrfmiddlewaretoken": token, "Origin": f"{own}.evil.example"},
            {"csrfmiddlewaretoken": token, "Origin": own[:-1]},
        ]

    def test_pages(self, target: Target) -> None:
        with signed_in(target, target.alice.account) as visitor, target.unchanged():
            for attempt in self.attempts(target, visitor):
                headers = {"Origin": attempt.pop("Origin")} if "Origin" in attempt else {}
                for path in ("/accounts/profile/", "/accounts/password/", "/accounts/logout/",
                             "/accounts/devices/", "/accounts/delete/", "/rooms/new/"):  # fmt: skip
                    data = {"nickname": "Eve", "name": "Eve", **attempt}
                    answer = target.judged(visitor.post(path, data=data, headers=headers))
                    assert answer.status_code == 403, (path, attempt)
            assert visitor.get("/chat/").status_code == 200

    def test_the_api_with_a_cookie(self, target: Target) -> None:
        with signed_in(target, target.alice.account) as visitor, target.unchanged():
            for attempt in self.attempts(target, visitor):
                headers = {"X-CSRFToken": attempt.get("csrfmiddlewaretoken", "")}
                headers |= {"Origin": attempt["Origin"]} if "Origin" in attempt else {}
                body = {"nickname": "Eve"}
                answer = visitor.patch("/api/v1/users/me/", json=body, headers=headers)
                assert target.judged(answer).status_code == 403, attempt
                assert visitor.post("/api/v1/auth/ticket/", headers=headers).status_code == 403

    @pytest.mark.usefixtures("untouched")
    def test_signing_in_needs_a_token_too(self, target: Target) -> None:
        """Otherwise a stranger's page could sign a visitor in as the stranger."""
        data = {"account": target.alice.account, "password": PASSWORD}
        assert target.ask("POST", "/accounts/login/", data=data).status_code == 403


class TestSessions:
    """92"""

    def test_a_planted_session_is_not_the_one_after_sign_in(self, target: Target) -> None:
        with target.browser() as visitor:
            visitor.cookies.set("sessionid", "a" * 32)
            visitor.cookies.set("csrftoken", "b" * 32)
            fields = {"account": target.alice.account, "password": PASSWORD}
            assert visitor.form("/accounts/login/", **fields).status_code == 302
            keys = {cookie.value for cookie in visitor.cookies.jar if cookie.name == "sessionid"}
            assert len(keys - {"a" * 32}) == 1
        planted = target.ask("GET", "/chat/", headers={"Cookie": f"sessionid={'a' * 32}"})
        assert planted.status_code == 302

    def test_a_session_is_dead_after_sign_out(self, target: Target) -> None:
        with signed_in(target, target.alice.account) as visitor:
            cookie = {"Cookie": f"sessionid={visitor.cookies['sessionid']}"}
            assert target.ask("GET", "/chat/", headers=cookie).status_code == 200
            assert visitor.form("/accounts/logout/").status_code == 302
        assert target.ask("GET", "/chat/", headers=cookie).status_code == 302
        assert target.ask("GET", "/api/v1/users/me/", headers=cookie).status_code == 401

    def test_others_are_dead_after_a_change_of_password(self, target: Target) -> None:
        person, new = target.register("pat"), "another horse battery"
        target.secrets.add(new)
        with signed_in(target, person.account) as here, signed_in(target, person.account) as there:
            cookie = {"Cookie": f"sessionid={here.cookies['sessionid']}"}
            change = {"old_password": PASSWORD, "new_password": new}
            assert here.form("/accounts/password/", **change).status_code == 302
            assert here.get("/chat/").status_code == 200
            assert there.get("/chat/").status_code == 302
        assert target.ask("GET", "/chat/", headers=cookie).status_code == 302


@pytest.mark.usefixtures("all_untouched")
class TestBadCookies:
    """93"""

    @pytest.mark.parametrize(
        "value",
        ["x", "x" * 8_000, "a" * 32, '"', "%00", "$ne", '{"$ne":null}', "a:b:c", "../../etc/passwd",
         "\xff\xfe", "'; drop table users", ".eJwrSS0uAQAEXQHB:1t:x"],
    )  # fmt: skip
    @pytest.mark.parametrize(
        "name", ["sessionid", "csrftoken", "messages", "django_language", "device"]
    )
    def test_cookies_that_are_none(self, target: Target, name: str, value: str) -> None:
        headers = {"Cookie": f"{name}={value}".encode("latin-1")}
        for path, status in (("/chat/", 302), ("/accounts/login/", 200), ("/admin/", 302),
                             ("/api/v1/users/me/", 401)):  # fmt: skip
            assert target.ask("GET", path, headers=headers).status_code == status


class TestAdmin:
    """94 (the limits are in test_limits.py)."""

    def test_names_and_searches_are_inert(self, target: Target) -> None:
        person = target.register("quinn")
        name = "<script>alert(1)</script>"
        body, headers = {"nickname": name}, person.headers
        changed = target.ask("PATCH", "/api/v1/users/me/", json=body, headers=headers)
        assert changed.status_code == 200
        with target.browser() as root:
            fields = {"username": target.superuser(), "password": PASSWORD, "next": "/admin/"}
            assert root.form("/admin/login/", **fields).status_code == 302
            users = "/admin/accounts/user/"
            assert name not in root.get(users).text
            assert "&lt;script&gt;alert(1)" in root.get(users).text
            assert person.account in root.get(users, params={"q": person.account}).text
            for query in (".*", "^", "(a+)+$", "[", "\\", "$regex", "%", "*", name, "x" * 5_000):
                with target.timed(f"admin search {query[:20]}"):
                    found = root.get(users, params={"q": query})
                assert found.status_code == 200, query
                assert name not in found.text
                if query != name:
                    assert person.account not in found.text, query
            for query in ("?o=password", "?password__startswith=a", "?is_staff__exact=x", "?p=-1",
                          "?e=1", "?_facets=x", "?all=", "?session__token=1"):  # fmt: skip
                assert root.get(users + query).status_code in {200, 302, 400}, query

    @pytest.mark.usefixtures("untouched")
    def test_it_is_closed_to_users(self, target: Target) -> None:
        for path in (
            "/admin/",
            "/admin/accounts/user/",
            "/admin/auth/group/add/",
            "/admin/jsi18n/",
        ):
            answer = target.ask("GET", path, headers=target.alice.headers)
            assert answer.status_code in {302, 200}
            assert "alice" not in answer.text


class TestLogs:
    """95: one event, one line, whatever a client puts into it. (Target.log_is_clean checks all
    lines of the module's log once more.)"""

    def test_line_breaks_and_colours_in_addresses(self, target: Target) -> None:
        before = target.up.output()
        target.ask("GET", "/no%0d%0aINFO%20forged%20line%1b%5b31m/such%c2%85page%e2%80%a8end/")
        lines = target.up.output()[len(before) :].splitlines()
        assert len(lines) == 1
        told, _, who = lines[0].partition(" [request ")
        assert told.endswith(r"/no\r\nINFO forged line\x1b[31m/such\x85page\u2028end/")
        assert who.endswith(", 127.0.0.1]")

    @pytest.mark.usefixtures("untouched")
    @pytest.mark.parametrize("value", ["a\x1b[31mb", "a\x7fb", "a\x08b"])
    def test_colours_in_headers(self, target: Target, value: str) -> None:
        headers = {"User-Agent": value.encode()}
        assert target.ask("GET", "/accounts/login/", headers=headers).status_code == 400

    def test_messages_and_devices_leave_no_trace(self, target: Target) -> None:
        """What is written, and by whom, is nobody's business."""
        text = "Zitronenkuchen\r\nERROR forged \x1b[31m"
        person = target.register("rita")
        room = target.ask("POST", "/api/v1/rooms/", json={"name": "x"}, headers=person.headers)
        path = f"/api/v1/rooms/{room.json()['identity']}/messages/"
        body = {"client_id": "c1", "data": text}
        headers = person.headers | {"User-Agent": "Zimtschnecke/1.0"}
        assert target.ask("POST", path, json=body, headers=headers).status_code < 500
        assert target.ask("POST", path, json=body | {"client_id": 7}, headers=headers).is_error
        target.secrets |= {"Zitronenkuchen", "Zimtschnecke"}
        target.log_is_clean()

    def test_tickets_leave_no_trace(self, target: Target) -> None:
        """The one secret that goes into an address, which is what logs record (96)."""
        ticket = target.api("auth/ticket/", headers=target.alice.headers).json()["ticket"]
        target.secrets.add(ticket)
        uri = f"ws://{target.host}/ws/?ticket={ticket}"
        for expected in ("ready", None):  # it is valid once
            with (
                connect(uri, subprotocols=IM, proxy=None) as socket,
                suppress(ConnectionClosed),
            ):
                frame = json.loads(socket.recv(timeout=ANSWER_S))
                assert frame["type"] == expected
        target.log_is_clean()


@pytest.mark.usefixtures("all_untouched")
class TestErrorPages:
    """98: no path, no version, no setting (Target.judged looks for them in every answer)."""

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/no/such/page", 404), ("GET", "/api/v1/no/such/", 404),
            ("GET", "/static/no-such.js", 404), ("GET", "/avatars/x.webp", 404),
            ("GET", "/chat/none/", 302), ("POST", "/accounts/login/", 403),
            ("PUT", "/api/v1/auth/login/", 405), ("GET", "/accounts/login/?a=%ff%00", 200),
            ("GET", "/.env", 404), ("GET", "/.git/config", 404), ("GET", "/server-status", 404),
            ("GET", "/__debug__/", 404), ("GET", "/settings.py", 404),
        ],
    )  # fmt: skip
    def test_they_tell_nothing(self, target: Target, method: str, path: str, status: int) -> None:
        answer = target.ask(method, path)
        assert answer.status_code == status
        assert "Server" not in answer.headers
        assert "X-Powered-By" not in answer.headers

    def test_ready_and_live_tell_nothing_else(self, target: Target) -> None:
        for path in ("/readyz", "/api/v1/health/ready/"):
            answer = httpx.get(f"{target.url}{path}", trust_env=False)
            assert answer.json() == {"status": "ok", "mongodb": "ok", "redis": "ok"}
            assert answer.headers["Cache-Control"] == "no-store, private"

    def test_a_wrong_host_tells_nothing(self, target: Target) -> None:
        answer = target.ask("GET", "/", headers={"Host": "evil.example"})
        assert answer.status_code == 400
        assert "ALLOWED_HOSTS" not in answer.text
        assert "evil.example" not in answer.text
