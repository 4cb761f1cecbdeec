"""Query parameters and paths of the API (61-68), by Eve, who is signed in."""

from urllib.parse import quote

import httpx
import pytest

from tests.hostile.scene import WITHIN_S, Scene, case

pytestmark = pytest.mark.usefixtures("nothing_changed")

HISTORY = "rooms/@kitchen/messages/"


def get(scene: Scene, path: str) -> httpx.Response:
    with scene.target.timed(f"GET {path[:60]}", WITHIN_S):
        path = f"/api/v1/{scene.filled(path)}"
        return scene.target.ask("GET", path, headers=scene.eve.headers)


# 61, 62: values that are not numbers here.
NUMBERS = ["-1", "1e3", "abc", "", " 1", "1 ", "+1", "0x10", "1.0", "1_000", "１", "٣", "NaN",
           "null", "true", "9" * 5_000, str(2**70), "-9223372036854775809", "1%00", "%ff", "%0a1",
           "%7B%22$gt%22:0%7D", "@own", "1&{}=2"]  # fmt: skip


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: f"61-62-{ascii(value)[:16]}")
def test_what_is_no_number(scene: Scene, value: str) -> None:
    for name in ("limit", "before", "after", "around"):
        answer = get(scene, f"{HISTORY}?{name}={value}".replace("{}", name))
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), name
        assert list(answer.json()["errors"]) == [name]


LIMITS = [case(61, "0", "limit=0"), case(61, "201", "limit=201"),
          case(61, "10^9", "limit=1000000000"), case(61, "list", "limit=1&limit=1"),
          case(62, "zero", "before=0"), case(62, "beyond", f"before={2**53}"),
          case(62, "two", "before=5&after=1"),
          case(62, "three", "before=5&after=1&around=3")]  # fmt: skip


@pytest.mark.parametrize("query", LIMITS)
def test_numbers_that_are_too_much(scene: Scene, query: str) -> None:
    assert get(scene, f"{HISTORY}?{query}").status_code == 400


EDGES = [case(61, "1", "limit=1"), case(61, "brackets", "limit[$gt]=1"),
         case(61, "array", "limit[]=9"), case(62, "far", f"before={2**53 - 1}"),
         case(62, "beyond", f"after={2**53 - 1}"),
         case(62, "around-nothing", "around=999999999")]  # fmt: skip


@pytest.mark.parametrize("query", EDGES)
def test_numbers_at_the_edge(scene: Scene, query: str) -> None:
    answer = get(scene, f"{HISTORY}?{query}")
    assert answer.status_code == 200
    assert len(answer.json()["messages"]) <= 200


# 63, 65: parameters that no route knows, and that would be a filter elsewhere.
UNKNOWN = [
    *(case(63, value, f"ordering={quote(value)}")
      for value in ("password", "-user__password", "$where", "?", "-seq", "refresh_hash")),
    *(case(65, name, f"{name}=a") for name in (
        "room__owner__email", "sender__password__startswith", "user__email", "email", "q", "search",
        "user_identity", "is_staff", "password__regex", "room_identity", "deleted_at__isnull",
        "fields", "include", "expand", "$where", "filter", "where", "page", "page_size", "offset")),
    case(67, "format-api", "format=api"),
    case(67, "format-html", "format=html"),
    case(67, "callback", "callback=alert"),
    case(67, "jsonp", "jsonp=alert"),
]  # fmt: skip


@pytest.mark.parametrize("query", UNKNOWN)
def test_parameters_nobody_knows_change_nothing(scene: Scene, query: str) -> None:
    for path in (HISTORY, "rooms/", "rooms/@kitchen/members/", "users/me/", "auth/sessions/"):
        plain, odd = get(scene, path), get(scene, f"{path}?{query}")
        assert (odd.status_code, odd.json()) == (200, plain.json()), path
        assert odd.headers["Content-Type"] == "application/json"
    found = get(scene, f"users/?account={scene.bob.account}&{query}")
    assert [person["identity"] for person in found.json()["results"]] == [scene.bob.identity]


PATTERNS = [".*", "(a+)+$", "\\", "[", "$regex", "x" * 200, "%", "_", "*", "?", "^", "bob.*",
            "b(o)b", "{$ne:1}", "' or 1=1 --", "\u202e", "../", "bob\u200b", "*)(uid=*",
            "${jndi:x}"]  # fmt: skip


@pytest.mark.parametrize("text", PATTERNS, ids=lambda text: f"64-{ascii(text)[:12]}")
def test_patterns_are_text(scene: Scene, text: str) -> None:
    """No user has such a name, and no room such a number."""
    found = get(scene, f"users/?account={quote(text, safe='')}")
    assert (found.status_code, found.json()) == (200, {"results": []})
    assert get(scene, f"rooms/lookup/?number={quote(text[:32], safe='')}").status_code == 404


def test_64_long_ones(scene: Scene) -> None:
    for path in ("users/?account=", "rooms/lookup/?number="):
        assert get(scene, path + "x" * 10_000).status_code == 400
        assert get(scene, path + "(a" * 5_000).status_code == 400


TOKENS = ["token", "access_token", "access", "jwt", "ticket", "sessionid", "Authorization"]


@pytest.mark.parametrize("name", TOKENS, ids=lambda name: f"66-{name}")
def test_tokens_in_addresses(scene: Scene, name: str) -> None:
    """Refused, and not in the log (at its end the target looks for all tokens there)."""
    for path in ("users/me/", "rooms/"):
        answer = scene.target.ask("GET", f"/api/v1/{path}?{name}={scene.eve.access}")
        assert answer.status_code == 401
    assert scene.eve.access not in scene.target.up.output()


SUFFIXES = ["rooms.html", "rooms.json", "rooms.api", "rooms/.html", "rooms/@kitchen.html",
            "rooms/@kitchen/.json", "users/me.html"]  # fmt: skip


@pytest.mark.parametrize("path", SUFFIXES, ids=lambda path: f"67-{path}")
def test_suffixes(scene: Scene, path: str) -> None:
    for end in ("", "/"):
        assert get(scene, path + end).status_code == 404


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*;q=0", "x", "",
                                    "a/b" * 2_000],
                         ids=lambda accept: f"67-accept-{accept[:15]}")  # fmt: skip
def test_there_is_json_only(scene: Scene, accept: str) -> None:
    headers = scene.eve.headers | {"Accept": accept}
    answer = scene.target.ask("GET", "/api/v1/users/me/", headers=headers)
    assert answer.status_code in {200, 406}
    assert "html" not in answer.headers["Content-Type"]


ODD = [
    case(68, "nul", "account=%00"),
    case(68, "ff", "account=%ff"),
    case(68, "over-long", "account=%c0%af"),
    case(68, "half-escape", "account=%"),
    case(68, "surrogate", "account=%ed%a0%80"),
    case(68, "8-kilobytes", "account=" + "a" * 8_000),
    case(68, "2000-parameters", "&".join(f"p{number}=1" for number in range(2_000))),
    case(68, "no-names", "&=" * 900 + "&account=x"),
    case(68, "twice", "account=a&account=b"),
    case(68, "separators", ";&;&=;account=x;&account"),
]


@pytest.mark.parametrize("query", ODD)
def test_queries_that_are_none(scene: Scene, query: str) -> None:
    """Refused, or nobody found; the same before anybody has signed in."""
    answer = get(scene, f"users/?{query}")
    assert answer.status_code in {400, 414} or answer.json() == {"results": []}
    assert scene.target.ask("GET", f"/api/v1/users/?{query}").status_code in {400, 401, 414}
    assert scene.target.ask("GET", f"/accounts/login/?{query}").status_code in {200, 400, 414}


IDENTITIES = ["0" * 23, "0" * 25, "x", "$ne", "%00", "%ff", "a" * 4_000, "..%2f",
              "@absent", "%7B%22$gt%22%3A%22%22%7D", "０" * 24, "@kitchen%0a", "null",
              "[]", "%2e%2e"]  # fmt: skip


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: f"62-{ascii(identity)[:12]}")
def test_identities_in_paths(scene: Scene, identity: str) -> None:
    for method, path in (("GET", "rooms/{}/"), ("GET", "rooms/{}/messages/"), ("GET", "users/{}/"),
                         ("DELETE", "messages/{}/"), ("DELETE", "auth/sessions/{}/")):  # fmt: skip
        path = scene.filled(f"/api/v1/{path.format(identity)}")
        with scene.target.timed(path[:60], WITHIN_S):
            answer = scene.target.ask(method, path, headers=scene.eve.headers)
        assert answer.status_code == 404, path
