"""The original's routes for registration and sign-in: every text, and what they refuse."""

import pytest
import time_machine
from django.test import Client
from pyotp import TOTP

from accounts import services
from accounts.models import DeviceSession, User
from tests.mailbox import delivered_to
from tests.seed import HOSTILE, Form, Seed, no, ok

PASSWORD = "correct horse battery"
NOON = 1_893_499_200_000  # 2030-01-01 12:00 UTC
WRONG_PASSWORD = no("用户名或密码错误")


def with_password(name: str) -> User:
    return services.create_user(
        account=name, email=f"{name}@example.org", nickname=name.title(), password=PASSWORD
    )


def mailed_code(email: str) -> str:
    return delivered_to(email)[-1].subject[:6]


# --- signing in -----------------------------------------------------------------------------


def test_login_by_account_and_password() -> None:
    alice = with_password("alice")
    answer = Seed().post("/login", account="alice", password=PASSWORD)
    token = answer["data"]["token"]
    assert answer == {"code": 200, "msg": "登录成功", "data": {"token": token}}
    assert Seed(token=token).get("/u/user/detail")["data"]["Identity"] == alice.pk
    session = DeviceSession.objects.get()
    assert (session.user_id, session.ip) == (alice.pk, "127.0.0.1")


def test_a_form_may_be_urlencoded() -> None:
    with_password("alice")
    body = f"account=alice&password={PASSWORD.replace(' ', '+')}"
    answer = Client().post("/login", body, content_type="application/x-www-form-urlencoded")
    assert answer.json()["msg"] == "登录成功"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"account": "alice"},
        {"password": PASSWORD},
        {"account": "", "password": ""},
        {"account[$ne]": "x", "password[$gt]": ""},
        {"Account": "alice", "Password": PASSWORD},
    ],
)
def test_login_without_account_or_password(form: Form) -> None:
    with_password("alice")
    assert Seed().post("/login", form) == no("用户名或密码不能为空")
    assert not DeviceSession.objects.exists()


def test_login_reads_forms_only() -> None:
    with_password("alice")
    body = {"account": "alice", "password": PASSWORD}
    empty = no("用户名或密码不能为空")
    assert Client().post("/login", body, content_type="application/json").json() == empty
    assert Client().post("/login", query_params=body).json() == empty


@pytest.mark.parametrize("account", [*HOSTILE, "nobody", "alice@example.com"])
def test_login_of_nobody(account: str) -> None:
    with_password("alice")
    assert Seed().post("/login", account=account, password=PASSWORD) == WRONG_PASSWORD


@pytest.mark.parametrize("password", [*HOSTILE, PASSWORD + " ", PASSWORD.upper()])
def test_login_with_a_wrong_password(password: str) -> None:
    with_password("alice")
    assert Seed().post("/login", account="alice", password=password) == WRONG_PASSWORD
    assert not DeviceSession.objects.exists()


def test_login_with_two_factor_authentication() -> None:
    alice = with_password("alice")
    secret = services.begin_two_factor(user=alice, password=PASSWORD).secret
    recovery = services.confirm_two_factor(user=alice, otp=TOTP(secret).now())
    form = {"account": "alice", "password": PASSWORD}
    assert Seed().post("/login", form) == no("请使用支持两步验证的客户端登录")
    assert Seed().post("/login", {**form, "otp": ""}) == no("请使用支持两步验证的客户端登录")
    assert Seed().post("/login", {**form, "otp": "nonsense"}) == no("验证码不正确")
    assert Seed().post("/login", {**form, "password": "x", "otp": recovery[0]}) == WRONG_PASSWORD
    assert not DeviceSession.objects.exists()
    assert Seed().post("/login", {**form, "otp": recovery[0]})["msg"] == "登录成功"


def test_too_many_guesses_wait() -> None:
    with_password("alice")
    with time_machine.travel(NOON / 1000, tick=False):
        seed = Seed()
        answer = WRONG_PASSWORD
        while answer == WRONG_PASSWORD:
            answer = seed.post("/login", account="alice", password="wrong password")
        assert seed.answer is not None
        wait = int(seed.answer["Retry-After"])
        assert wait > 0
        assert answer == no(f"操作过于频繁，请在{wait}秒后重试")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("multipart/form-data; boundary=" + "x" * 300, b"x"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 1_001)),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 300_000),
        ("application/x-www-form-urlencoded; charset=utf-16", b"account=alice"),
        ("application/x-www-form-urlencoded; charset=hex", b"account=alice"),
        ("application/x-www-form-urlencoded", b"account=%ff%fe&password=%ed%a0%80"),
    ],
)
def test_broken_forms_are_bad_parameters(
    caplog: pytest.LogCaptureFixture, content_type: str, body: bytes
) -> None:
    for path in ("/login", "/send/code", "/register"):
        answer = Client().generic("POST", path, body, content_type=content_type)
        assert answer.status_code == 200
        assert answer.json()["code"] == -1
    assert "Traceback" not in caplog.text


# --- becoming a user ------------------------------------------------------------------------


def test_register_with_the_mailed_code() -> None:
    address = "alice@example.org"
    assert Seed().post("/send/code", email=address) == ok("验证码发送成功")
    form = {"account": "Alice", "email": address, "password": PASSWORD}
    answer = Seed().post("/register", {**form, "code": mailed_code(address)})
    token = answer["data"]["token"]
    assert answer == {"code": 200, "msg": "登录成功", "data": {"token": token}}
    user = User.objects.get()
    assert (user.account, user.nickname, user.email) == ("alice", "alice", address)
    assert Seed(token=token).get("/u/user/detail")["data"]["Identity"] == user.pk


def test_a_code_for_a_known_address_is_answered_alike_and_mailed_as_a_notice() -> None:
    alice = with_password("alice")
    assert Seed().post("/send/code", email=alice.email) == ok("验证码发送成功")
    assert not mailed_code(alice.email).isdigit()


def test_codes_again_at_once_wait() -> None:
    with time_machine.travel(NOON / 1000, tick=False):
        seed = Seed()
        seed.post("/send/code", email="alice@example.org")
        again = seed.post("/send/code", email="alice@example.org")
    assert seed.answer is not None
    wait = int(seed.answer["Retry-After"])
    assert 55 <= wait <= 60
    assert again == no(f"操作过于频繁，请在{wait}秒后重试")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({}, "邮箱不能为空"),
        ({"email": ""}, "邮箱不能为空"),
        ({"email[$ne]": "x"}, "邮箱不能为空"),
        *(({"email": hostile}, "参数不正确") for hostile in HOSTILE),
        ({"email": "a@b"}, "参数不正确"),
        ({"email": "a@example.org\r\nBcc: b@example.org"}, "参数不正确"),
        ({"email": "a@example.org,b@example.org"}, "参数不正确"),
    ],
)
def test_no_code_for_what_is_no_address(form: Form, text: str) -> None:
    assert Seed().post("/send/code", form) == no(text)


GOOD = {"account": "alice", "email": "alice@example.org", "password": PASSWORD}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        *(({name: ""}, "参数不正确") for name in ("code", "account", "email", "password")),
        ({"account": "Not a name"}, "参数不正确"),
        ({"account": "admin"}, "参数不正确"),
        ({"account": "a\x00b"}, "参数不正确"),
        ({"account": "x" * 10_000}, "参数不正确"),
        ({"email": "nonsense"}, "参数不正确"),
        ({"password": "short"}, "参数不正确"),
        ({"password": "password123"}, "参数不正确"),
        ({"password": "x" * 10_000}, "参数不正确"),
        ({"account": "bob"}, "账号已被注册"),
        ({"account": "BOB"}, "账号已被注册"),
        ({"code": "12345"}, "验证码不正确"),
        ({"code": "１２３４５６"}, "验证码不正确"),
        ({"code": '{"$ne":1}'}, "验证码不正确"),
        ({"email": "carol@example.org"}, "验证码不正确"),
    ],
)
def test_register_refuses_and_keeps_the_code(changes: Form, text: str) -> None:
    with_password("bob")
    Seed().post("/send/code", email=GOOD["email"])
    good = {**GOOD, "code": mailed_code(GOOD["email"])}
    assert Seed().post("/register", {**good, **changes}) == no(text)
    assert list(User.objects.values_list("account", flat=True)) == ["bob"]
    assert Seed().post("/register", good)["code"] == 200


def test_register_takes_its_four_fields_only() -> None:
    Seed().post("/send/code", email=GOOD["email"])
    more = {"is_staff": "1", "is_superuser": "1", "nickname": "Root", "identity": "0" * 24}
    Seed().post("/register", {**GOOD, **more, "code": mailed_code(GOOD["email"])})
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.nickname) == (False, False, "alice")
    assert user.pk != "0" * 24
