"""A client of the original against the running system: it knows the nine routes and nothing else.

One thing it could not learn from the original's routes is which room it shares with a friend.
Clients of the original took that from the database; here `/u/user/query` tells it
(docs/compatibility.md).
"""

import json
import re
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.up import Up, eventually

PASSWORD = "correct horse battery"


class RefusedError(Exception):
    """The server said code -1; the text is its `msg`."""


class Client:
    """Speaks forms, queries, the `token` header and {"code", "msg", "data"}."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = ""

    def call(self, method: str, path: str, **fields: Any) -> Any:
        """Returns the `data` of an answer."""
        where = "data" if method == "POST" else "params"
        headers = {"token": self.token} if self.token else {}
        answer = httpx.request(method, self.url + path, headers=headers, **{where: fields})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        if body["code"] != 200:
            assert set(body) == {"code", "msg"}
            assert body["code"] == -1
            raise RefusedError(body["msg"])
        return body.get("data")

    def open(self, path: str = "/u/websocket/message") -> ClientConnection:
        headers = {"token": self.token} if self.token else {}
        address = self.url.replace("http", "ws", 1) + path
        return connect(address, additional_headers=headers, compression=None)

    def refusal(self, method: str, path: str, **fields: Any) -> str:
        with pytest.raises(RefusedError) as refused:
            self.call(method, path, **fields)
        return str(refused.value)


def say(socket: ClientConnection, text: str, room: str) -> None:
    socket.send(json.dumps({"message": text, "room_identity": room}))


@pytest.fixture(autouse=True)
def clean() -> None:
    """Replaces the suite's own: the system under test has databases of its own."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(tmp_path_factory.mktemp("seed") / "data") as running:
        yield running


def codes_mailed(mails: Path, address: str) -> list[str]:
    """Returns the codes in the mails to an address."""
    found = []
    for file in mails.glob("*.log"):
        mail = message_from_bytes(file.read_bytes())
        code = re.match(r"[0-9]{6}", str(mail["Subject"]))
        if code and mail["To"] == address:
            found.append(code[0])
    return found


def registered(up: Up, account: str) -> Client:
    """Registers a new user, with a code from the mail, who is signed in at once."""
    client, address = Client(up.url), f"{account}@example.org"
    assert client.call("POST", "/send/code", email=address) is None
    mails = up.data_dir / "mail"
    assert eventually(lambda: bool(codes_mailed(mails, address)))
    (code,) = codes_mailed(mails, address)
    form = {"code": code, "email": address, "account": account, "password": PASSWORD}
    client.token = client.call("POST", "/register", **form)["token"]
    return client


def test_two_people_from_registration_to_the_end_of_a_friendship(up: Up) -> None:
    registered(up, "alice")
    alice, bob = Client(up.url), registered(up, "bob")
    alice.token = alice.call("POST", "/login", account="alice", password=PASSWORD)["token"]

    me = alice.call("GET", "/u/user/detail")
    assert (me["Account"], me["Email"]) == ("alice", "alice@example.org")
    assert "Password" not in me
    assert alice.call("GET", "/u/user/query", account="bob")["is_friend"] is False
    alice.call("POST", "/u/user/add", account="bob")
    assert alice.refusal("POST", "/u/user/add", account="bob") == "互为好友，不可重复添加"
    friend = bob.call("GET", "/u/user/query", account="alice")
    assert (friend["nickname"], friend["is_friend"]) == (me["Nickname"], True)

    room = friend["room_identity"]
    talk(alice, bob, room)
    history(alice, bob, room, me["Identity"])
    part(alice, bob, room, me["Identity"])


def talk(alice: Client, bob: Client, room: str) -> None:
    with alice.open() as hers, bob.open() as his:
        for number in range(3):
            say(hers, f"from alice {number} 你好", room)
            assert hers.recv(10) == his.recv(10) == f"from alice {number} 你好"
            say(his, f"from bob {number}", room)
            assert hers.recv(10) == his.recv(10) == f"from bob {number}"
        say(hers, "", room)
        assert hers.recv(10) == his.recv(10) == ""


def history(alice: Client, bob: Client, room: str, alice_identity: str) -> None:
    fields = {"room_identity": room, "page_index": 1, "page_size": 4}
    lines = bob.call("GET", "/u/chat/list", **fields)["list"]
    texts = ["", "from bob 2", "from alice 2 你好", "from bob 1"]
    assert [line["Data"] for line in lines] == texts
    assert lines[2]["UserIdentity"] == alice_identity
    assert {line["RoomIdentity"] for line in lines} == {room}
    rest = alice.call("GET", "/u/chat/list", **{**fields, "page_index": 2})["list"]
    assert [line["Data"] for line in rest] == [
        "from alice 1 你好",
        "from bob 0",
        "from alice 0 你好",
    ]
    assert rest[-1]["CreatedAt"] <= lines[0]["CreatedAt"] < 10**10  # seconds


def part(alice: Client, bob: Client, room: str, alice_identity: str) -> None:
    bob.call("DELETE", "/u/user/delete", identity=alice_identity)
    for person, other in ((alice, "bob"), (bob, "alice")):
        assert person.call("GET", "/u/user/query", account=other)["is_friend"] is False
    # One's own side is deleted, and the other keeps theirs.
    assert bob.call("GET", "/u/chat/list", room_identity=room)["list"] == []
    assert len(alice.call("GET", "/u/chat/list", room_identity=room)["list"]) > 0
    refusal = bob.refusal("DELETE", "/u/user/delete", identity=alice_identity)
    assert refusal == "不为好友关系，无需删除"


def test_strangers_are_refused(up: Up) -> None:
    nobody = Client(up.url)
    empty = nobody.refusal("POST", "/login", account="", password="")
    wrong = nobody.refusal("POST", "/login", account="nobody", password=PASSWORD)
    assert (empty, wrong) == ("用户名或密码不能为空", "用户名或密码错误")
    for token in ("", "x"):
        nobody.token = token
        assert nobody.refusal("GET", "/u/user/detail") == "用户认证不通过"
        for path in ("/u/websocket/message", "/u/talk/message"):
            with pytest.raises(InvalidStatus) as refused:
                nobody.open(path)
            assert refused.value.response.status_code == 403
