"""Bodies, methods and query parameters of the API (39-45, 56-59, 61-68), by Eve, who is signed in.

The routes of accounts: test_bodies.py.
"""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.hostile.scene import WITHIN_S, Scene, case
from tests.hostile.target import Person

JSON = "application/json"
# Returns all routes that take a body from her, and their bodies.
ROUTES = {
    ("POST", "rooms/"): ["name", "info", "members"],
    ("POST", "rooms/direct/"): ["user_identity"],
    ("PATCH", "rooms/@evesroom/"): ["name", "info"],
    ("POST", "rooms/@evesroom/members/"): ["user_identity"],
    ("PATCH", "rooms/@evesroom/members/@bob/"): ["role", "muted_until"],
    ("POST", "rooms/@kitchen/messages/"): ["client_id", "data", "kind", "reply_to"],
    ("PATCH", "messages/@own/"): ["data"],
    ("POST", "rooms/@kitchen/read/"): ["seq"],
    ("PATCH", "users/me/"): [
        *("nickname", "sex", "who_may_add", "who_sees_online", "read_receipts"),
    ],
}


def ask(scene: Scene, method: str, path: str, **options: Any) -> httpx.Response:
    """As Eve, within a second."""
    headers = scene.eve.headers | options.pop("headers", {})
    with scene.target.timed(f"{method} {path[:60]}", WITHIN_S):
        return scene.target.ask(method, f"/api/v1/{scene.filled(path)}", headers=headers, **options)


NO_BODY = [
    case(39, "empty", b"", JSON, 400),
    case(40, "brackets", b"{{", JSON, 400),
    case(40, "half", b'{"name":"x', JSON, 400),
    case(40, "form", b"name=x&data=y", JSON, 400),
    case(40, "nan", b'{"name":NaN}', JSON, 400),
    case(40, "deep", b"[" * 100_000, JSON, 400),
    case(40, "deep-objects", b'{"a":' * 20_000 + b"1" + b"}" * 20_000, JSON, 400),
    case(40, "digits", b'{"seq":' + b"9" * 5_000 + b"}", JSON, 400),
    case(40, "nul", b'{"name":"a\\u0000b"}', JSON, 400),
    case(40, "lone-surrogate", b'{"name":"\\ud800"}', JSON, 400),
    case(40, "not-utf-8", b'{"name":"\xff"}', JSON, 400),
    case(41, "list", b"[]", JSON, 400),
    case(41, "list-of-one", b'[{"name":"x"}]', JSON, 400),
    case(41, "null", b"null", JSON, 400),
    case(41, "string", b'"x"', JSON, 400),
    case(41, "number", b"1", JSON, 400),
    case(42, "text", b'{"name":"x"}', "text/plain", 415),
    case(42, "form", b"name=x", "application/x-www-form-urlencoded", 415),
    case(42, "multipart", b"--x--", "multipart/form-data; boundary=x", 415),
    case(42, "xml", b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>", "text/xml", 415),
    case(42, "none", b'{"name":"x"}', "", 415),
    case(42, "no-type", b'{"name":"x"}', "json", 415),
    case(43, "utf-16", '{"name":"x"}'.encode("utf-16"), f"{JSON}; charset=utf-16", 400),
    case(43, "utf-7", b"+AHsAIgBuAGEAbQBlACI-", f"{JSON}; charset=utf-7", 400),
    case(43, "unknown", b"\xff\xfe", f"{JSON}; charset=../../x", 400),
    case(44, "gzip", gzip.compress(b'{"name":"x"}'), JSON, 400),
    case(45, "300-kilobytes", b'{"name":"' + b"x" * 300_000 + b'"}', JSON, 413),
    case(45, "without-length", [b'{"name":"'] + [b"x" * 100_000] * 3, JSON, 413),
]


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize(("body", "kind", "status"), NO_BODY)
def test_bodies_that_are_none(
    scene: Scene, body: bytes | list[bytes], kind: str, status: int
) -> None:
    headers = {"Content-Type": kind}
    if body[:2] == b"\x1f\x8b":
        headers["Content-Encoding"] = "gzip"
    for method, path in ROUTES:
        if not body and method == "PATCH":
            continue  # changes nothing, as requested
        content: Any = iter(body) if isinstance(body, list) else body
        answer = ask(scene, method, path, content=content, headers=headers)
        assert answer.status_code == status, (method, path)


@pytest.mark.usefixtures("nothing_changed")
def test_45_20_megabytes(scene: Scene) -> None:
    """Larger than any route takes: cut off while it arrives."""
    for content in (b"x" * 20_000_000, iter([b"x" * 1_000_000] * 20)):
        answer = ask(scene, "POST", "rooms/", content=content, headers={"Content-Type": JSON})
        assert answer.status_code == 413


ANYTHING: list[Any] = [{"$ne": None}, {"$gt": ""}, ["x"], 1.5, [[]], {"a": {"$where": "1"}}]


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("value", ANYTHING, ids=lambda value: f"48-{json.dumps(value)}")
def test_operators_where_text_belongs(scene: Scene, value: Any) -> None:
    """47, 48 at the other routes."""
    for (method, path), fields in ROUTES.items():
        for field in fields:
            answer = ask(scene, method, path, json={field: value})
            assert answer.status_code == 400, (method, path, field)
            at_fault = {name.partition(".")[0] for name in answer.json()["errors"]}
            assert field in at_fault, (method, path, field)


MEMBERS = [
    case(56, "10000", ["@bob"] * 10_000, 413),
    case(56, "1001-unknown", [f"{number:024x}" for number in range(1_001)], 400),
    case(56, "nobody", ["@absent"], 400),
    case(56, "bob-and-nobody", ["@bob", "@absent"], 400),
    case(56, "operator", [{"$ne": None}], 400),
    case(56, "text", "@bob", 400),
    case(56, "dict", {"0": "@bob"}, 400),
    case(56, "null", None, 400),
    case(56, "nested", [["@bob"]], 400),
    case(56, "short", ["@bob0"], 400),
]


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize(("members", "status"), MEMBERS)
def test_rooms_that_are_not_made(scene: Scene, members: Any, status: int) -> None:
    body = json.loads(scene.filled(json.dumps({"name": "x", "members": members})))
    assert ask(scene, "POST", "rooms/", json=body).status_code == status


NAMES = [None, 1, "", " ", "\u200b", "x" * 300, "a\nb", "a\x1bb", {"$ne": 1}]


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"56-name-{ascii(name)[:12]}")
def test_names_of_rooms(scene: Scene, name: Any) -> None:
    for method, path in (("POST", "rooms/"), ("PATCH", "rooms/@evesroom/")):
        assert ask(scene, method, path, json={"name": name}).status_code == 400


@pytest.mark.usefixtures("unharmed")
def test_56_the_owner_is_who_asks(scene: Scene) -> None:
    """Twice the same user, oneself, or another as the owner: one member each, and Eve owns it."""
    bob, eve = scene.bob.identity, scene.eve.identity
    body = {"name": "x", "members": [bob, bob, eve], "user_identity": bob, "owner": bob,
            "role": "admin", "identity": "0" * 24, "number": "1", "kind": "direct"}  # fmt: skip
    room = scene.as_person(scene.eve, "POST", "rooms/", body)
    assert (room["user_identity"], room["role"], room["kind"]) == (eve, "owner", "group")
    assert room["identity"] != "0" * 24
    members = scene.as_person(scene.eve, "GET", f"rooms/{room['identity']}/members/")["results"]
    assert {member["user"]["identity"]: member["role"] for member in members} == {
        eve: "owner",
        bob: "member",
    }
    assert len(members) == 2


@pytest.mark.usefixtures("unharmed")
def test_57_both_open_a_conversation_at_once(scene: Scene) -> None:
    def open_direct(pair: tuple[Person, Person]) -> str:
        body = {"user_identity": pair[1].identity}
        return str(scene.as_person(pair[0], "POST", "rooms/direct/", body)["identity"])

    for _ in range(3):
        one, other = scene.target.register("one"), scene.target.register("two")
        pairs = [(one, other), (other, one)] * 3
        with ThreadPoolExecutor(len(pairs)) as pool:
            assert len(set(pool.map(open_direct, pairs))) == 1
        assert len(scene.as_person(one, "GET", "rooms/")["results"]) == 1


@pytest.mark.usefixtures("nothing_changed")
def test_57_a_conversation_with_oneself_or_nobody(scene: Scene) -> None:
    for who, status in (("@eve", 400), ("@absent", 404), ("@kitchen", 404)):
        body = {"user_identity": scene.filled(who)}
        assert ask(scene, "POST", "rooms/direct/", json=body).status_code == status


def test_58_what_nobody_may_set(scene: Scene) -> None:
    """In the kitchen, Eve cannot set what its owner may set."""
    more = {"user_identity": "@eve", "owner": "@eve", "role": "owner", "created_at": 1, "kind": "x",
            "number": "1", "identity": "0" * 24, "_id": "0" * 24, "last_seq": 99, "revision": 9,
            "deleted_at": 1}  # fmt: skip
    body = json.loads(scene.filled(json.dumps(more)))
    before = scene.as_person(scene.eve, "GET", f"rooms/{scene.names['evesroom']}/")
    with scene.unharmed():
        answer = ask(scene, "PATCH", "rooms/@evesroom/", json=body | {"info": "58"})
        assert answer.json() == before | {"info": "58", "updated_at": answer.json()["updated_at"]}
    with scene.unharmed(unchanged_by="58"):
        for path in ("rooms/@kitchen/", "rooms/@kitchen/members/@eve/", "messages/@said/"):
            answer = ask(scene, "PATCH", path, json=body | {"name": "mine", "data": "mine"})
            assert answer.status_code in {400, 403}, path
        for path in ("rooms/@cellar/", "rooms/@attic/members/@eve/", "messages/@secret/"):
            assert ask(scene, "PATCH", path, json=body | {"data": "x"}).status_code in {400, 404}


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("method", ["PUT", "TRACE", "CONNECTED", "PROPFIND", "LINK"],
                         ids=lambda method: f"59-{method}")  # fmt: skip
def test_methods_that_are_none(scene: Scene, method: str) -> None:
    for _, path in ROUTES:
        assert ask(scene, method, path, json={"name": "x"}).status_code == 405, path


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"],
                         ids=lambda name: f"59-{name}")  # fmt: skip
def test_methods_in_headers(scene: Scene, name: str) -> None:
    for path in ("rooms/@evesroom/", "messages/@own/"):
        ask(scene, "GET", path, headers={name: "DELETE"})
    query = "?_method=DELETE&_content=x&_content_type=x"
    assert ask(scene, "GET", f"rooms/@evesroom/{query}").status_code == 200
    assert ask(scene, "POST", "rooms/@evesroom/", json={"_method": "DELETE"}).status_code == 405
