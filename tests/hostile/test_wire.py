"""Requests that are not HTTP, or HTTP that proxies and servers may read differently (85-90).

What h11 answers before any of our code runs is written down here too: another server, or a later
version of this one, must not do worse.
"""

from collections.abc import Iterator

import pytest

from tests.hostile.target import Target

PAGE = b"GET /accounts/login/ HTTP/1.1\r\n"
LOGIN = b"POST /api/v1/auth/login/ HTTP/1.1\r\nContent-Type: application/json\r\n"
END = b"Connection: close\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def _untouched(target: Target) -> Iterator[None]:
    """For the whole module: none of this may get as far as the database."""
    with target.unchanged():
        yield


@pytest.fixture
def host(target: Target) -> bytes:
    return f"Host: {target.host}\r\n".encode()


def status(answer: bytes) -> int:
    """Returns the status of the first answer; there must be no second one."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 "), answer
    assert b"HTTP/1.1 " not in body, answer
    return int(head[9:12])


# --- 85: hosts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [b"evil.example", b"127.0.0.1.evil.example", b"evil.example#127.0.0.1", b"127.0.0.1@evil",
     b"127.0.0.1:x", b"", b"\xff", b"a" * 8_000],
)  # fmt: skip
@pytest.mark.parametrize("line", [PAGE, LOGIN])
def test_a_host_that_is_not_ours(target: Target, name: bytes, line: bytes) -> None:
    assert status(target.raw(line + b"Host: " + name + b"\r\n" + END)) == 400


@pytest.mark.parametrize("name", [b"evil.example", b"10.0.0.7:8000"])
def test_probes_come_by_any_name(target: Target, name: bytes) -> None:
    """Load balancers ask by address; the answers say nothing."""
    for line in (b"GET /healthz HTTP/1.1\r\n", b"GET /readyz HTTP/1.1\r\n"):
        assert status(target.raw(line + b"Host: " + name + b"\r\n" + END)) == 200


def test_no_host_or_two(target: Target, host: bytes) -> None:
    assert status(target.raw(PAGE + END)) == 400
    for other in (host, b"Host: evil.example\r\n"):
        assert status(target.raw(PAGE + host + other + END)) == 400
        assert status(target.raw(PAGE + other + host + END)) == 400


@pytest.mark.parametrize(
    "request_target",
    [b"http://evil.example/accounts/login/", b"http://127.0.0.1/accounts/login/", b"*",
     b"evil.example:443", b"https:/accounts/login/", b"accounts/login/"],
)  # fmt: skip
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"CONNECT", b"POST"])
def test_an_address_that_is_no_path(
    target: Target, host: bytes, request_target: bytes, method: bytes
) -> None:
    line = method + b" " + request_target + b" HTTP/1.1\r\n"
    assert status(target.raw(line + host + END)) == 400


@pytest.mark.parametrize("path", [b"//evil.example/x", b"/%00", b"/%ff", b"/..%2f..%2fetc/passwd",
                                  b"/" + b"a" * 8_000, b"/\\evil.example", b"/static/../manage.py",
                                  b"/static/..%2fmanage.py"])  # fmt: skip
def test_paths_that_lead_nowhere(target: Target, host: bytes, path: bytes) -> None:
    answer = target.raw(b"GET " + path + b" HTTP/1.1\r\n" + host + END)
    assert status(answer) == 404


# --- 86: authorization ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [b"", b"Bearer", b"Bearer ", b"Bearer a b", b"Bearer x", b"Basic YTpi", b"Bearer x, Bearer y",
     b"Bearer " + b"x" * 65_536, b"bearer\t", b"Bearer \xff", b"Token x", b"Bearer null",
     b"Bearer {\"$ne\":null}"],
)  # fmt: skip
def test_authorization_that_is_none(target: Target, host: bytes, value: bytes) -> None:
    line = b"GET /api/v1/users/me/ HTTP/1.1\r\nAuthorization: " + value + b"\r\n"
    assert status(target.raw(line + host + END)) in {401, 400, 431}


def test_two_authorizations(target: Target, host: bytes) -> None:
    """Even when one of them is good: nobody knows which of the two a proxy has looked at."""
    good = b"Authorization: Bearer " + target.alice.access.encode() + b"\r\n"
    line = b"GET /api/v1/users/me/ HTTP/1.1\r\n"
    for other in (good, b"Authorization: Bearer x\r\n"):
        assert status(target.raw(line + good + other + host + END)) == 401
        assert status(target.raw(line + other + good + host + END)) == 401


# --- 88, 89: many headers, odd headers ------------------------------------------------------


@pytest.mark.parametrize("header", [b"X-A: b", b"Cookie: a=b", b"Accept-Language: zh",
                                    b"X-Forwarded-For: 10.0.0.1"])  # fmt: skip
def test_ten_thousand_equal_headers(target: Target, host: bytes, header: bytes) -> None:
    """CVE-2025-14550: joining them took time that grew with the square."""
    answer = target.raw(PAGE + host + (header + b"\r\n") * 10_000 + END)
    assert answer == b"" or status(answer) in {200, 400, 431}


@pytest.mark.parametrize("byte", [b"\x00", b"\x01", b"\x08", b"\x0b", b"\x0c", b"\x0d", b"\x1b",
                                  b"\x1c", b"\x1d", b"\x1e", b"\x1f", b"\x7f"])  # fmt: skip
@pytest.mark.parametrize("name", [b"User-Agent", b"Accept-Language", b"X-Forwarded-For", b"Cookie"])
def test_control_characters_in_a_header(
    target: Target, host: bytes, byte: bytes, name: bytes
) -> None:
    """CVE-2026-44546: Python takes some of them for the end of a line."""
    line = name + b": a" + byte + b"X-Smuggled: b\r\n"
    assert status(target.raw(PAGE + host + line + END)) == 400


def test_a_byte_that_python_calls_a_line_break(target: Target, host: bytes) -> None:
    """\\x85 is a part of many letters in UTF-8 (Å), so it is taken; it ends no line."""
    agent = b"User-Agent: a\x85Authorization: Bearer " + target.alice.access.encode() + b"\r\n"
    line = b"GET /api/v1/users/me/ HTTP/1.1\r\n"
    assert status(target.raw(line + agent + host + END)) == 401


@pytest.mark.parametrize(
    "line", [b"X : a", b" X: a", b"X", b": a", b"X\x00: a", b"X\xff: a", b"(X): a"]
)
def test_header_names_that_are_none(target: Target, host: bytes, line: bytes) -> None:
    assert status(target.raw(PAGE + line + b"\r\n" + host + END)) == 400


@pytest.mark.parametrize(
    "header", [b"Daphne-Root-Path: /evil", b"X-Script-Name: /evil", b"Script-Name: /evil",
               b"X-Forwarded-Prefix: /evil", b"X-Original-URL: /admin/", b"X-Rewrite-URL: /admin/",
               b"X-HTTP-Method-Override: DELETE", b"X-Forwarded-Host: evil.example",
               b"Forwarded: host=evil.example;proto=https", b"X-Forwarded-Port: 666"]
)  # fmt: skip
def test_headers_that_only_a_proxy_may_send(target: Target, host: bytes, header: bytes) -> None:
    plain = target.raw(b"GET /chat/ HTTP/1.1\r\n" + host + END)
    answer = target.raw(b"GET /chat/ HTTP/1.1\r\n" + host + header + b"\r\n" + END)
    assert status(plain) == status(answer) == 302
    assert b"\r\nLocation: /accounts/login/?next=/chat/\r\n" in answer
    assert b"evil" not in answer


# --- 90: bodies whose end is in doubt -------------------------------------------------------

CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 6\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"Content-Length: 0\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} " + SMUGGLED,
        b"Content-Length: 2, 3\r\n\r\n{}" + SMUGGLED,
        b"Content-Length: -1\r\n\r\n{}" + SMUGGLED,
        b"Content-Length: +2\r\n\r\n{}" + SMUGGLED,
        b"Content-Length: 0x2\r\n\r\n{}" + SMUGGLED,
        b"Content-Length: 9" + b"9" * 30 + b"\r\n\r\n{}",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\n2 2\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\n" + b"f" * 21 + b"\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
        CHUNKED + b"\r\n2\r\n{}xx0\r\n\r\n" + SMUGGLED,
    ],
)
def test_an_end_in_doubt_ends_the_connection(target: Target, host: bytes, rest: bytes) -> None:
    """400 and nothing after it: what follows in the stream is not read as another request."""
    assert status(target.raw(LOGIN + host + rest)) == 400


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
                                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\r\n\r\n",
                                  b"\x00" * 100 + b"\r\n\r\n",
                                  b"GET  /  HTTP/1.1\r\n\r\n"])  # fmt: skip
def test_what_is_no_http_1(target: Target, data: bytes) -> None:
    assert status(target.raw(data)) == 400


@pytest.mark.parametrize("method", [b"TRACE", b"FOO", b"PUT", b"DELETE", b"PATCH"])
def test_other_methods(target: Target, host: bytes, method: bytes) -> None:
    assert status(target.raw(method + b" /accounts/login/ HTTP/1.1\r\n" + host + END)) in {403, 405}
