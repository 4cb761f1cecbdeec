"""REDIS_URL: what is understood, and what is refused with one line. No database."""

import pytest

from imsystem.redis_url import Kind, redis_address
from tests.up import manage


@pytest.mark.parametrize(
    ("url", "nodes", "tls"),
    [
        ("redis://127.0.0.1:6379/0", [("127.0.0.1", 6379)], False),
        ("redis://cache", [("cache", 6379)], False),
        ("rediss://user:p%2Fw@cache:1/3?ssl_cert_reqs=none", [("cache", 1)], True),
        ("redis://[::1]:7000", [("::1", 7000)], False),
        ("unix:///run/redis.sock?db=1", [], False),
    ],
)
def test_one_server(url: str, nodes: list[tuple[str, int]], tls: bool) -> None:
    found = redis_address(url)
    assert (found.kind, found.url, list(found.nodes), found.tls) == (Kind.SERVER, url, nodes, tls)


def test_a_cluster() -> None:
    found = redis_address("rediss+cluster://im:p%40w@a:7000,b,[::1]:7002?ssl_ca_certs=/ca.pem")
    assert (found.kind, found.tls) == (Kind.CLUSTER, True)
    assert found.nodes == (("a", 7000), ("b", 6379), ("::1", 7002))
    assert found.options == {"username": "im", "password": "p@w", "ssl_ca_certs": "/ca.pem"}


def test_sentinels() -> None:
    found = redis_address("redis+sentinel://:pw@a,b:7/chat/2?sentinel_password=other")
    assert (found.kind, found.tls, found.service) == (Kind.SENTINEL, False, "chat")
    assert found.nodes == (("a", 26379), ("b", 7))
    assert found.options == {"password": "pw", "db": 2}
    assert found.sentinel_options == {"password": "other"}


def test_no_password_is_shown() -> None:
    for url in ("redis://:secret@a", "redis+sentinel://:secret@a/b?sentinel_password=secret"):
        assert "secret" not in repr(redis_address(url))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "begins with none of"),
        ("cache:6379", "begins with none of"),
        ("http://cache", "begins with none of"),
        ("redis+cluster:cache", "begins with none of"),
        ("redis://", "names no host"),
        ("redis+cluster://a,,b", "names no host"),
        ("redis://a,b", "names several servers"),
        ("redis://a:secret", "host or port"),
        ("redis://a:99999", "host or port"),
        ("redis://:se/cret@a", "%2F"),
        ("redis://:se#cret@a", "%23"),
        ("redis+cluster://:se?cret@a", "%3F"),
        ("redis+cluster://a/1", "only one"),
        ("redis+sentinel://a,b", "names no service"),
        ("redis+sentinel://a,b/chat/one", "not a number"),
    ],
)
def test_what_cannot_work_is_refused(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"^REDIS_URL ") as refused:
        redis_address(url)
    assert says in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_command_gets_the_line_and_no_traceback() -> None:
    found = manage("check", REDIS_URL="redis+sentinel://a,b", DEBUG="on")
    assert found.returncode != 0
    assert found.stdout.count("\n") == 1, found.stdout
    assert "REDIS_URL names no service" in found.stdout
