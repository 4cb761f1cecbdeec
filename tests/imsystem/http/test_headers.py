"""What every answer carries, whatever the route, and requests that come without HTTPS."""

import logging
from collections.abc import Iterator

import pytest
from bson import encode
from django.db import connection
from django.http import HttpResponse
from django.test import Client, override_settings

from imsystem.http.headers import HEADERS
from tests.api import Api
from tests.conftest import Cast
from tests.pages.conftest import browser
from tests.routes import filled, routes

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": HEADERS["Permissions-Policy"],
}
# Pictures may be kept: their addresses change with them. So may the API's document, which is the
# same for everybody, if one asks each time whether it is still that one.
KEPT = ("/avatars/", "/api/schema/")
# Asynchronous: Django's test client would leave database clients of its loops behind (the real
# server's answers are looked at in tests/hostile).
ASYNCHRONOUS = {"/readyz", "/api/v1/health/ready/"}
ROUTES = sorted(set(routes()) - ASYNCHRONOUS)


def check(answer: HttpResponse, route: str) -> None:
    assert answer.status_code < 500, route
    assert {name: answer.get(name) for name in ALWAYS} == ALWAYS, route
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy, route
    assert "unsafe" not in policy, route
    assert "frame-ancestors 'none'" in policy, route
    if not route.startswith(KEPT):
        assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", ")), route
    assert "Server" not in answer


def sample(cast: Cast) -> dict[str, str]:
    """A value for each name in a route, of things that exist where there are such."""
    found = {"room_identity": cast.room.pk, "identity": cast.room.pk}
    found |= {"user_identity": cast.member.pk, "object_id": cast.member.pk, "app_label": "accounts"}
    return found


def everything() -> dict[str, list[bytes]]:
    """All documents but the sessions of Django, which note when they were read, and the audit,
    which notes what staff has read."""
    names = [n for n in connection.introspection.table_names() if not n.startswith("django_")]
    names.remove("audit_entry")
    return {n: sorted(map(encode, connection.get_collection(n).find())) for n in names}


@pytest.fixture
def clients(cast: Cast) -> list[Client]:
    """Nobody, a member with a cookie, a superuser with a cookie."""
    cast.owner.is_staff = cast.owner.is_superuser = True
    cast.owner.save()
    made = [browser(), browser(cast.member), browser(cast.owner)]
    for client in made:
        client.raise_request_exception = False
        client.get("/chat/")  # the device session is made now
    return made


def test_the_walk_finds_the_routes() -> None:
    assert len(ROUTES) > 60
    some = {"/chat/{identity}/", "/api/v1/users/me/", "/admin/accounts/user/{object_id}/change/"}
    assert some <= set(ROUTES)


def test_every_answer_has_the_headers_and_no_get_changes_anything(
    cast: Cast, clients: list[Client]
) -> None:
    before = everything()
    for route in ROUTES:
        path = filled(route, sample(cast))
        for client in clients:
            check(client.get(path), route)
    assert everything() == before


def test_the_answers_to_tokens_have_them_too(cast: Cast) -> None:
    api = Api(cast.member)
    for route in ROUTES:
        if route.startswith("/api/"):
            path = filled(route, sample(cast))
            check(api.client.get(path, headers=api.headers), route)


def test_errors_redirects_and_files_have_them(cast: Cast) -> None:
    client = browser(cast.member)
    for path in ("/no/such/page", "/api/v1/no/such/", "/"):
        check(client.get(path), path)
    check(client.get("/chat/", headers={"Host": "evil.example"}), "bad host")
    check(Client(enforce_csrf_checks=True).post("/accounts/login/"), "no csrf token")
    check(browser().trace("/chat/"), "trace")


def test_files_may_be_kept() -> None:
    answer = Client().get("/static/favicon.svg")
    answer.close()
    assert answer["Cache-Control"] == "max-age=60, public"
    assert {name: answer.get(name) for name in ALWAYS} == ALWAYS


def test_no_script_reads_a_cookie(cast: Cast) -> None:
    client = browser()
    client.get("/accounts/login/")
    client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/accounts/login/"})
    client.force_login(cast.member, backend="accounts.backends.AccountBackend")
    client.post(f"/chat/{cast.room.pk}/", {"data": ""})  # a notice
    assert {"csrftoken", "sessionid", "django_language"} <= set(client.cookies)
    for name, cookie in client.cookies.items():
        assert cookie["httponly"], name
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", ""), name


class TestRequestsNoViewShouldSee:
    @pytest.mark.parametrize("value", ["a\x1cb", "a\x01b", "a\x7fb", "a\x1b[31mb"])
    def test_control_characters_in_a_header(self, value: str) -> None:
        answer = Client().get("/accounts/login/", headers={"User-Agent": value})
        assert answer.status_code == 400
        assert answer["Connection"] == "close"

    @pytest.mark.parametrize("value", ["a\tb", "Å", "a\x85b", "…"])
    def test_others_are_taken(self, value: str) -> None:
        answer = Client().get("/accounts/login/", headers={"User-Agent": value})
        assert answer.status_code == 200

    def test_two_lengths(self) -> None:
        headers = {"Transfer-Encoding": "chunked"}
        path, kind = "/api/v1/auth/login/", "application/json"
        answer = Client().post(path, "{}", content_type=kind, headers=headers)
        assert (answer.status_code, answer["Connection"]) == (400, "close")
        assert answer.json()["code"] == "bad_request"


@pytest.fixture
def https() -> Iterator[None]:
    with override_settings(
        SECURE_SSL_REDIRECT=True, SECURE_HSTS_SECONDS=31_536_000, ALLOWED_HOSTS=["chat.example.org"]
    ):
        yield


@pytest.mark.usefixtures("https")
class TestHttps:
    ASKED = {"headers": {"Host": "chat.example.org"}}

    def test_pages_are_redirected(self) -> None:
        answer = Client().get("/accounts/login/?next=/chat/", **self.ASKED)
        assert answer.status_code == 301
        assert answer["Location"] == "https://chat.example.org/accounts/login/?next=/chat/"

    def test_the_api_is_not(self) -> None:
        """A redirect would hide from the client that its token went over the wire in clear."""
        answer = Client().get("/api/v1/users/me/", **self.ASKED)
        assert (answer.status_code, answer.json()["code"]) == (403, "https_required")

    @pytest.mark.parametrize("path", ["/healthz", "/api/v1/health/live/"])
    def test_health_is_asked_from_inside(self, path: str) -> None:
        assert Client().get(path, **self.ASKED).status_code == 200

    def test_what_came_by_https_gets_hsts(self) -> None:
        answer = Client().get("/accounts/login/", secure=True, **self.ASKED)
        assert answer.status_code == 200
        assert answer["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert "Strict-Transport-Security" not in Client().get("/", **self.ASKED)

    @pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/users/me/"])
    def test_a_proxy_that_is_not_trusted_gets_no_endless_redirect(
        self, path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        client, headers = Client(), {"Host": "chat.example.org", "X-Forwarded-Proto": "https"}
        answers = [client.get(path, headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [400, 400, 400]
        assert "does not trust the proxy" in answers[0].content.decode()
        warned = [record for record in caplog.records if record.name == "imsystem.http.headers"]
        assert [(record.levelno, record.args) for record in warned] == [
            (logging.WARNING, ("127.0.0.1",))
        ]
        assert "TRUSTED_PROXIES" in warned[0].getMessage()


def test_without_https_nothing_is_redirected_and_nobody_is_believed() -> None:
    answer = Client().get("/accounts/login/", headers={"X-Forwarded-Proto": "https"})
    assert answer.status_code == 200
    assert "Strict-Transport-Security" not in answer
