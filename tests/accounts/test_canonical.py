"""Each account and address has one form; what could be mistaken for another is refused."""

import pytest

from accounts.canonical import canonical_account, sign_in_name, valid_account, valid_email
from accounts.models import User
from accounts.policies import check_password_rules, valid_nickname
from imsystem.errors import BadRequest


@pytest.mark.parametrize(
    ("typed", "account"),
    [
        ("alice", "alice"),
        (" Alice ", "alice"),
        ("ａｌｉｃｅ", "alice"),
        ("a", "a"),
        ("a.b_c-9", "a.b_c-9"),
        ("a" * 32, "a" * 32),
    ],
)
def test_accounts(typed: str, account: str) -> None:
    assert valid_account(typed) == account == canonical_account(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "a" * 33, ".a", "a.", "-a", "a-", "a b", "a@b", "../x", "a/b", "аlice", "алиса",
        "小明", "alice\x00", "a\nb", "<b>", "a|b", ".*", "٣", "a\u0301", "Admin",
        "me", "ROOT", "ｍｅ",
    ],
)  # fmt: skip
def test_no_accounts(typed: str) -> None:
    with pytest.raises(BadRequest) as refused:
        valid_account(typed)
    assert list(refused.value.errors) == ["account"]


@pytest.mark.parametrize(
    ("typed", "email"),
    [
        ("Alice@Example.ORG ", "alice@example.org"),
        ("a+b@x.cn", "a+b@x.cn"),
        ("a.*@x.cn", "a.*@x.cn"),
        ("a|.*@x.cn", "a|.*@x.cn"),
        ("a@xn--fsq.cn", "a@xn--fsq.cn"),
        ("a@x.cn\n", "a@x.cn"),
        (f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.org", None),
    ],
)
def test_addresses(typed: str, email: str | None) -> None:
    assert valid_email(typed) == (email or typed)


@pytest.mark.parametrize(
    "typed",
    [
        "", "alice", "@x.cn", "a@", "a@x", "a@x.cn.", "a@@x.cn", "a b@x.cn", "ä@x.cn",
        "a@bücher.de", "аlice@x.cn", "a@x.cn\r\nBcc: b@x.cn", "a@x.cn,b@x.cn",
        "a@x.cn;b@x.cn",
        '"\x01"@x.cn', '"a,b"@x.cn', "=?utf-8?q?bob?=@x.cn", "<a@x.cn>", "a\x00@x.cn",
        f"{'a' * 60}@{'.'.join(['b' * 60] * 4)}.org",
    ],
)  # fmt: skip
def test_no_addresses(typed: str) -> None:
    with pytest.raises(BadRequest) as refused:
        valid_email(typed)
    assert dict(refused.value.errors) == {"email": ["Enter a valid e-mail address."]}


@pytest.mark.parametrize(
    ("typed", "nickname"),
    [
        ("小明", "小明"),
        (" Al ", "Al"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("x" * 64,) * 2,
        ("<b>",) * 2,
    ],
)
def test_nicknames(typed: str, nickname: str) -> None:
    assert valid_nickname(typed) == nickname


@pytest.mark.parametrize(
    "typed",
    ["", "  ", "x" * 65, "\u200b", "\u200d\u200d", "\u3164", "\u2800", "a\nb", "a\x00b", "a\x1b[1m",
     "gpj.\u202eexe", "a\u2028b", "\ud800"],
)  # fmt: skip
def test_no_nicknames(typed: str) -> None:
    with pytest.raises(BadRequest) as refused:
        valid_nickname(typed)
    assert list(refused.value.errors) == ["nickname"]


@pytest.mark.parametrize(
    "typed",
    ["Deleted user", "deleted  USER", "Ｄｅｌｅｔｅｄ User", "已注销用户",
     "D\u0435leted user", "DeIeted user", "SYST\u0415M", "IMSystem", "[System]", "系统消息",
     "Admin", "★admin★", "管理员"],
)  # fmt: skip
def test_names_of_the_system(typed: str) -> None:
    with pytest.raises(BadRequest) as refused:
        valid_nickname(typed)
    reserved = ["This name is reserved. Choose another."]
    assert dict(refused.value.errors) == {"nickname": reserved}
    assert valid_nickname(typed, official=True) == typed


@pytest.mark.parametrize("typed", ["Adminka", "System of a Down", "管理员小王"])
def test_names_that_only_contain_one(typed: str) -> None:
    assert valid_nickname(typed) == typed


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("Alice", "alice"), ("ＡＬＩＣＥ＠ｅｘａｍｐｌｅ.org", "alice@example.org"),
     ("\u200balice\ufeff", "alice"), ("al\u200bice", "alice"),
     (" alice＠example.org\u200b", "alice@example.org")],
)  # fmt: skip
def test_what_people_type_to_sign_in(typed: str, meant: str) -> None:
    assert sign_in_name(typed) == meant


USER = User(account="alice-liddell", email="alice@example.org")


@pytest.mark.parametrize(
    "password", ["8 chars!", "        ", "密码密码密码密码", "😀" * 8, "x" * 128, "<script>$ne"]
)
def test_passwords(password: str) -> None:
    check_password_rules(password, USER)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("7chars!", "This password is too short. It must contain at least 8 characters."),
        ("x" * 129, "This password is too long. It must contain at most 128 characters."),
        ("password1", "This password is too common."),
        ("PassWord1", "This password is too common."),
        ("Alice-Liddell", "The password must not be the username or the e-mail address."),
        ("ALICE@example.org ", "The password must not be the username or the e-mail address."),
    ],
)
def test_no_passwords(password: str, why: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_password_rules(password, USER, field="new_password")
    assert dict(refused.value.errors) == {"new_password": [why]}
