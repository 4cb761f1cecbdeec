"""Equal requests, and what the original answers to each: the same here, or one of the numbered
differences of docs/compatibility.md.

The original's answers were read in its source. `T` stands for any token, `HASH` for the password's
hash that it shows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import time_machine

from accounts import services
from accounts.models import User
from chat import inbox
from rooms.services import create_group, open_direct
from tests.chat.test_compat_people import say
from tests.mailbox import delivered_to
from tests.seed import Form, Seed, loaded, no, ok

NOON = 1_893_499_200  # 2030-01-01 12:00 UTC, in seconds
PASSWORD = "correct horse battery"
NEW = {"account": "dave", "password": PASSWORD, "email": "dave@example.org", "code": "CODE"}
TOKEN = {"code": 200, "msg": "登录成功", "data": {"token": "T"}}
WAIT = no("操作过于频繁，请在60秒后重试")
DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.md"
# Differences that no request of this table can show: sockets, time, settings, guesses, outages.
ELSEWHERE = {3, 11, 13, 14, 15, 17, 18, 21, 23, 24, 25, 26, 27, 28}


@dataclass(frozen=True)
class Case:
    """A request with the original's answer. `here` is ours, if it differs, with the number of the
    difference."""

    name: str
    method: str
    path: str
    fields: Form
    original: Form
    here: Form | None = None
    difference: int = 0
    before: tuple[str, ...] = ()  # steps of World.prepare
    token: str | None = "alice"

    @property
    def expected(self) -> Form:
        return self.original if self.here is None else self.here

    @property
    def changes(self) -> bool:
        """Returns True for a request that needs a world of its own."""
        return bool(self.before) or (self.method != "GET" and self.expected["code"] == 200)


def to(path: str, fields: Form, original: Form, name: str = "", **more: Any) -> Case:
    """A case with the method of its route."""
    if path == "/u/user/delete":
        method = "DELETE"
    else:
        method = "GET" if path.startswith("/u/") and path != "/u/user/add" else "POST"
    told = ",".join(f"{field}={value}" for field, value in fields.items())
    return Case(f"{path} {told} {name}", method, path, fields, original, **more)


def person(name: str, *, friend: bool, email: str = "") -> Form:
    return {"nickname": name.title(), "Sex": 0, "Email": email, "Avatar": f"avatar of {name}"} | {
        "is_friend": friend
    }


def line(text: str) -> Form:
    return {"UserIdentity": "id of alice", "RoomIdentity": "room", "Data": text} | {
        "CreatedAt": NOON,
        "UpdatedAt": NOON,
    }


def page(*texts: str) -> Form:
    return loaded({"list": [line(text) for text in texts]})


DETAIL = {"Identity": "id of alice", "Account": "alice", "Nickname": "Alice", "Sex": 0} | {
    "Email": "alice@example.org",
    "Avatar": "avatar of alice",
    "CreatedAt": NOON,
    "UpdatedAt": NOON,
}
TEXTS = [f"m{number}" for number in range(25, 0, -1)]
NOT_SIGNED_IN = no("用户认证不通过")
BAD = no("参数不正确")
SIGN_IN = {"account": "alice", "password": PASSWORD}

CASES = [
    # --- /login
    to("/login", {}, no("用户名或密码不能为空")),
    to("/login", {"account": "alice"}, no("用户名或密码不能为空")),
    to("/login", {"password": PASSWORD}, no("用户名或密码不能为空")),
    to("/login", {"account": "", "password": ""}, no("用户名或密码不能为空")),
    to("/login", {"account": "alice", "password": "wrong"}, no("用户名或密码错误")),
    to("/login", {"account": "nobody", "password": PASSWORD}, no("用户名或密码错误")),
    to("/login", SIGN_IN, TOKEN),
    to("/login", {**SIGN_IN, "account": "Alice"}, no("用户名或密码错误"),
       here=TOKEN, difference=12),
    # --- /send/code
    to("/send/code", {}, no("邮箱不能为空")),
    to("/send/code", {"email": ""}, no("邮箱不能为空")),
    to("/send/code", {"email": "dave@example.org"}, ok("验证码发送成功")),
    to("/send/code", {"email": "alice@example.org"}, no("当前邮箱已被注册"),
       here=ok("验证码发送成功"), difference=5),
    to("/send/code", {"email": "nonsense"}, no("系统错误"), here=BAD, difference=6),
    to("/send/code", {"email": "dave@example.org"}, ok("验证码发送成功"), name="again",
       before=("code",), here=WAIT, difference=7),
    # --- /register
    to("/register", {}, BAD),
    *(to("/register", {**NEW, name: ""}, BAD, before=("code",)) for name in NEW),
    to("/register", NEW, TOKEN, before=("code",)),
    to("/register", {**NEW, "account": "bob"}, no("账号已被注册"), before=("code",)),
    to("/register", {**NEW, "code": "123"}, no("验证码不正确"), before=("code",)),
    to("/register", NEW, no("验证码不正确"), name="without asking for a code"),
    to("/register", {**NEW, "account": "bob", "code": "123"}, no("账号已被注册"), before=("code",),
       here=no("验证码不正确"), difference=8),
    to("/register", {**NEW, "account": "erin"}, TOKEN, name="with a used code",
       before=("code", "register"), here=no("验证码不正确"), difference=9),
    to("/register", {**NEW, "password": "1"}, TOKEN, before=("code",), here=BAD, difference=10),
    # --- the token
    *(to(path, {}, NOT_SIGNED_IN, token=token, name=f"token {token}")
      for path in ("/u/user/detail", "/u/user/query", "/u/user/add", "/u/user/delete",
                   "/u/chat/list")
      for token in (None, "x")),
    # --- /u/user/detail
    to("/u/user/detail", {}, loaded({**DETAIL, "Password": "HASH"}), here=loaded(DETAIL),
       difference=1),
    # --- /u/user/query
    to("/u/user/query", {}, BAD),
    to("/u/user/query", {"account": ""}, BAD),
    to("/u/user/query", {"account": "nobody"}, no("数据查询异常")),
    to("/u/user/query", {"account": "bob"},
       loaded(person("bob", friend=True, email="bob@example.org")),
       here=loaded(person("bob", friend=True)), difference=2),
    to("/u/user/query", {"account": "carol"},
       loaded(person("carol", friend=False, email="carol@example.org")),
       here=loaded(person("carol", friend=False)), difference=2),
    to("/u/user/query", {"account": "alice"},
       loaded(person("alice", friend=True, email="alice@example.org")),
       here=loaded(person("alice", friend=False, email="alice@example.org")), difference=16),
    # --- /u/user/add
    to("/u/user/add", {}, BAD),
    to("/u/user/add", {"account": "nobody"}, no("数据查询异常")),
    to("/u/user/add", {"account": "carol"}, ok("添加成功")),
    to("/u/user/add", {"account": "bob"}, no("互为好友，不可重复添加")),
    to("/u/user/add", {"account": "alice"}, no("互为好友，不可重复添加")),
    # --- /u/user/delete
    to("/u/user/delete", {}, BAD),
    to("/u/user/delete", {"identity": "nobody"}, no("不为好友关系，无需删除")),
    to("/u/user/delete", {"identity": "id of carol"}, no("不为好友关系，无需删除")),
    to("/u/user/delete", {"identity": "id of bob"}, ok("删除成功")),
    to("/u/user/delete", {"identity": "id of bob"}, no("不为好友关系，无需删除"), name="again",
       before=("part",)),
    to("/u/user/delete", {"identity": "id of alice"}, ok("删除成功"),
       here=no("不为好友关系，无需删除"), difference=16),
    # --- /u/chat/list
    to("/u/chat/list", {}, no("房间号不能为空")),
    to("/u/chat/list", {"room_identity": ""}, no("房间号不能为空")),
    to("/u/chat/list", {"room_identity": "x"}, no("非法访问")),
    to("/u/chat/list", {"room_identity": "room of others"}, no("非法访问")),
    to("/u/chat/list", {"room_identity": "empty room"}, page()),
    to("/u/chat/list", {"room_identity": "room", "page_index": 1, "page_size": 10},
       page(*TEXTS[:10])),
    to("/u/chat/list", {"room_identity": "room", "page_index": 3, "page_size": 10},
       page(*TEXTS[20:])),
    to("/u/chat/list", {"room_identity": "room", "page_index": 9, "page_size": 10}, page()),
    to("/u/chat/list", {"room_identity": "room"}, page(*TEXTS), here=page(*TEXTS[:20]),
       difference=19),
    to("/u/chat/list", {"room_identity": "room", "page_index": 1, "page_size": 1_000},
       page(*TEXTS), here=BAD, difference=19),
    to("/u/chat/list", {"room_identity": "room", "page_index": 0, "page_size": 10},
       no("系统异常:(BadValue) skip"), here=BAD, difference=20),
    to("/u/chat/list", {"room_identity": "room", "page_index": "x", "page_size": "y"},
       page(*TEXTS), here=BAD, difference=20),
]  # fmt: skip


class World:
    """Alice, her friend Bob, with whom she has talked, and Carol, whom she does not know."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.people = {name: self._person(name) for name in ("alice", "bob", "carol")}
        alice, bob, carol = self.people.values()
        room = open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)[0]
        for text in reversed(texts):
            say(alice, room, text)
        empty = create_group(creator=alice, name="Kitchen")
        foreign = create_group(creator=carol, name="Cellar")
        self.names = {f"id of {name}": user.pk for name, user in self.people.items()}
        self.names |= {"room": room.pk, "empty room": empty.pk, "room of others": foreign.pk}
        self.code = "123456"

    def _person(self, name: str) -> User:
        password = PASSWORD if name == "alice" else None  # hashes take time
        return services.create_user(
            account=name, email=f"{name}@example.org", nickname=name.title(), password=password
        )

    def prepare(self, step: str) -> None:
        match step:
            case "code":
                Seed().post("/send/code", email=NEW["email"])
                self.code = delivered_to(NEW["email"])[-1].subject[:6]
            case "register":
                assert Seed().post("/register", self.real(NEW))["code"] == 200
            case "part":
                Seed(self.people["alice"]).delete("/u/user/delete", identity=self.people["bob"].pk)

    def real(self, fields: Form) -> Form:
        """Returns the fields with their placeholders replaced."""
        known = {**self.names, "CODE": self.code}
        return {name: known.get(value, value) for name, value in fields.items()}

    def told(self, answer: Any) -> Any:
        """Returns an answer with words in place of what differs each time, without our own
        fields."""
        words = {identity: name for name, identity in self.names.items()}
        if isinstance(answer, list):
            return [self.told(each) for each in answer]
        if not isinstance(answer, dict):
            return words.get(answer, answer)
        shown = {name: self.told(value) for name, value in answer.items()}
        if "token" in shown:
            shown["token"] = "T"
        if "Avatar" in shown:
            name = next(n for n, u in self.people.items() if u.nickname == shown["Nickname"])
            shown["Avatar"] = f"avatar of {name}"
        if "is_friend" in shown:
            shown = {name: shown[name] for name in person("", friend=True)}
        return shown


def ask(world: World, case: Case) -> Any:
    seed = Seed(world.people["alice"]) if case.token == "alice" else Seed(token=case.token)
    call = getattr(seed, case.method.lower())
    return world.told(call(case.path, **world.real(case.fields)))


def test_the_answers_to_reads_are_the_originals_or_known_differences() -> None:
    with time_machine.travel(NOON, tick=False):
        world = World(TEXTS)
        answers = {case.name: ask(world, case) for case in CASES if not case.changes}
    assert answers == {case.name: case.expected for case in CASES if not case.changes}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.changes], ids=lambda case: case.name
)
def test_the_answer_to_a_change_is_the_originals_or_a_known_difference(case: Case) -> None:
    with time_machine.travel(NOON, tick=False):
        world = World([])
        for step in case.before:
            world.prepare(step)
        assert ask(world, case) == case.expected


def test_the_document_names_every_difference() -> None:
    rows = {int(number) for number in re.findall(r"^\| (\d+) \|", DOCUMENT.read_text(), re.M)}
    shown = {case.difference for case in CASES if case.here is not None}
    assert rows == set(range(1, len(rows) + 1))
    assert (shown | ELSEWHERE | {4, 22}) == rows
    assert all(case.here != case.original for case in CASES)


def test_new_users_have_a_nickname_and_a_picture() -> None:
    """Difference 4."""
    Seed().post("/send/code", email=NEW["email"])
    code = delivered_to(NEW["email"])[-1].subject[:6]
    token = Seed().post("/register", {**NEW, "code": code})["data"]["token"]
    detail = Seed(token=token).get("/u/user/detail")["data"]
    assert (detail["Nickname"], detail["Avatar"][:17]) == ("dave", "/avatars/initial/")


def test_the_document_has_every_sentence() -> None:
    """Compares texts literally, because clients do."""
    text = DOCUMENT.read_text()
    for case in CASES:
        said = case.expected["msg"]
        assert said in text or said == WAIT["msg"], said
