"""Malicious bodies of the account routes (46-50, 52-55): 400, and nothing has changed."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.hostile.target import PASSWORD, Target
from tests.up import eventually

JSON_ROUTES = ("auth/code/", "auth/register/", "auth/login/", "auth/refresh/", "auth/logout/",
               "auth/password/reset/")  # fmt: skip
GOOD = {"account": "somebody", "email": "somebody@example.org", "password": PASSWORD,
        "code": "123456", "purpose": "register", "refresh": "x", "nickname": "Some"}  # fmt: skip
OPERATORS: list[Any] = [
    {"$ne": None}, {"$gt": ""}, {"$regex": "."}, {"$where": "sleep(9000)"}, {"$in": ["a", "b"]},
    ["a@example.org", "b@example.org"], [], {}, None, 0, 1.5, True, [[["x"]]],
]  # fmt: skip


@pytest.mark.usefixtures("all_untouched")
class TestForms:
    """Pages (46, 47)."""

    @pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/register/", "/admin/login/"])
    def test_a_thousand_and_one_fields(self, target: Target, path: str) -> None:
        more = {f"field{number}": "x" for number in range(1_000)}
        with target.browser() as visitor:
            assert target.judged(visitor.form(path, **more)).status_code == 400

    @pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/register/"])
    def test_parts_without_end(self, target: Target, path: str) -> None:
        kind = "multipart/form-data; boundary=x"
        part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
        for body in (b"--x\r\n" * 1_100, part, part * 1_100, b"--y--", b""):
            answer = target.ask("POST", path, content=body, headers={"Content-Type": kind})
            assert answer.status_code in {400, 403}
        for kind in ("multipart/form-data", "multipart/form-data; boundary=", "text/plain", "x"):
            answer = target.ask("POST", path, content=b"a=b", headers={"Content-Type": kind})
            assert answer.status_code in {400, 403}

    @pytest.mark.parametrize(
        "name", ["account[$ne]", "account[]", "account.x", "$where", "__proto__"]
    )
    def test_operators_as_field_names(self, target: Target, name: str) -> None:
        with target.browser() as visitor:
            answer = visitor.form("/accounts/login/", **{name: "", "password": PASSWORD})
            assert answer.status_code == 200
            assert " is required." in answer.text
            assert visitor.get("/chat/").status_code == 302

    def test_a_field_twice_counts_once(self, target: Target) -> None:
        with target.browser() as visitor:
            token = visitor.token("/accounts/login/")
            pairs = [("account", target.alice.account), ("password", PASSWORD),
                     ("password", "wrong"), ("csrfmiddlewaretoken", token)]  # fmt: skip
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = visitor.post("/accounts/login/", content=urlencode(pairs), headers=kind)
            assert answer.status_code == 200  # the last one counts, everywhere
            assert visitor.get("/chat/").status_code == 302

    def test_a_body_that_is_too_large(self, target: Target) -> None:
        for path in ("/accounts/login/", "/accounts/register/", "/admin/login/"):
            with target.browser() as visitor:
                answer = target.judged(visitor.form(path, account="x" * 300_000))
            assert answer.status_code in {400, 413}


@pytest.mark.usefixtures("all_untouched")
class TestJson:
    """47, 48: only text where text belongs."""

    @pytest.mark.parametrize("route", JSON_ROUTES)
    def test_operators_and_other_types(self, target: Target, route: str) -> None:
        fields = target.api(route, {}).json()["errors"]
        for field in fields:
            for value in OPERATORS:
                answer = target.api(route, GOOD | {field: value})
                assert answer.status_code == 400, (field, value)
                assert list(answer.json()["errors"]) == [field], (field, value)

    @pytest.mark.parametrize("route", JSON_ROUTES)
    def test_bodies_that_are_no_object(self, target: Target, route: str) -> None:
        kind = {"Content-Type": "application/json"}
        bodies = [b"", b"{{", b"[]", b"null", b'"x"', b"[" * 100_000, b'{"a":NaN}', b'{"a":1e400}',
                  b'{"account":"\\ud800"}', b'{"account":"a\\u0000b"}', b"\xff\xfe{\x00}\x00",
                  b'{"a":' + b"9" * 5_000 + b"}", b"\x1f\x8b\x08\x00" + b"\x00" * 20]  # fmt: skip
        for body in bodies:
            answer = target.ask("POST", f"/api/v1/{route}", content=body, headers=kind)
            assert answer.status_code == 400, body[:20]

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml",
                 "multipart/form-data; boundary=x"]
    )  # fmt: skip
    def test_other_types_of_content(self, target: Target, kind: str) -> None:
        content, headers = json.dumps(GOOD).encode(), {"Content-Type": kind}
        answer = target.ask("POST", "/api/v1/auth/login/", content=content, headers=headers)
        assert answer.status_code == 415

    def test_megabytes(self, target: Target) -> None:
        """Also without a length, where the limit has to hold while reading (CVE-2026-5766)."""
        body = json.dumps(GOOD | {"password": "x" * 1_000_000}).encode()
        kind = {"Content-Type": "application/json"}
        for content in (body, iter([body[:500_000], body[500_000:]])):
            answer = target.ask("POST", "/api/v1/auth/login/", content=content, headers=kind)
            assert answer.status_code == 413


@pytest.mark.usefixtures("all_untouched")
class TestAddresses:
    """49: one spelling, one account, one recipient."""

    @pytest.mark.parametrize(
        "address",
        [
            "^a@example.org$@", "a.@example.org", "", "@example.org", "a@",
            "a@example", "a@example.org.", "a@.org", "a@@example.org", "a b@example.org",
            "a@ex_ample.org", "a@example.org, b@example.org", "a@example.org;b@example.org",
            "a@example.org\r\nBcc: eve@example.org", "a@example.org\nBcc: eve@example.org",
            "a@example.org%0d%0aBcc:eve@example.org", "<a@example.org>", "A <a@example.org>",
            '"a"@example.org', '"a@example.org\r\n"@x.org', "=?utf-8?q?alice?=@example.org",
            "ä@example.org", "a@bücher.de", "аlice@example.org", "a@[127.0.0.1",
            "a" * 250 + "@example.org", "a@" + "b" * 250 + ".org", "a\x00@example.org",
            "a@example.org\x00",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("purpose", ["register", "reset"])
    def test_what_is_no_address(self, target: Target, address: str, purpose: str) -> None:
        before = len(target.all_mails())
        answer = target.api("auth/code/", {"email": address, "purpose": purpose})
        assert answer.status_code == 400
        assert len(target.all_mails()) == before
        assert b"im:outbox" not in target.redis.keys("im:outbox*")
        assert target.database["job"].count_documents({"queue": "mail"}) == 0

    def test_spellings_are_one_address_with_one_recipient(self, target: Target) -> None:
        name, _, domain = target.alice.email.upper().partition("@")
        spelling = f"  {name}\u200b＠{domain}\u202e "  # as phones and spreadsheets leave it
        answer = target.api("auth/code/", {"email": spelling, "purpose": "reset"})
        assert answer.status_code == 202
        again = target.api("auth/code/", {"email": target.alice.email, "purpose": "reset"})
        assert (again.status_code, again.json()["code"]) == (429, "rate_limited")

    @pytest.mark.parametrize("form", ["{}+b@{}", "{}.*@{}", "{}|.*@{}", "%{}@{}"])
    def test_odd_ones_are_addresses_of_their_own(self, target: Target, form: str) -> None:
        """Nothing in them is a pattern or a header."""
        address = form.format(*target.alice.email.split("@"))
        target.code(address)  # finds the mail whose only recipient is this very address
        [mail] = target.mails_to(address)
        assert "\nBcc:" not in mail
        assert "\nCc:" not in mail


def test_no_second_account(target: Target) -> None:
    """The owner of an account is told so by mail, with no code in it."""
    email = target.register("carol").email
    with target.unchanged():
        for key in target.redis.keys("im:*:code-sent:*"):
            target.redis.delete(key)  # a minute later
        body = {"email": email.upper(), "purpose": "register"}
        assert target.api("auth/code/", body).status_code == 202
        assert eventually(lambda: len(target.mails_to(email)) == 2, 10)
        assert not re.search(r"[0-9]{6}", target.mails_to(email)[1].partition("\n\n")[2])
        again = GOOD | {"account": "carol-again", "email": email}
        assert target.api("auth/register/", again).status_code == 400


@pytest.mark.usefixtures("all_untouched")
class TestCodes:
    """50"""

    @pytest.mark.parametrize(
        "code",
        ["12345", "1234567", " 123456", "123456 ", "１２３４５６", "٠١٢٣٤٥", "12 456", "-12345",
         "0x1234", "abcdef", "", "*", ".", "[0-9]{6}", "123456\n", "1" * 10_000],
    )  # fmt: skip
    def test_what_is_no_code(self, target: Target, code: str) -> None:
        for route in ("auth/register/", "auth/password/reset/"):
            assert target.api(route, GOOD | {"code": code}).status_code == 400

    def test_the_sixth_try_is_too_many(self, target: Target) -> None:
        email = "fay@example.org"
        code = target.code(email)
        good = GOOD | {"account": "fay", "email": email}
        for step in range(1, 6):
            guess = f"{(int(code) + step) % 1_000_000:06}"
            assert target.api("auth/register/", good | {"code": guess}).status_code == 400
        assert target.api("auth/register/", good | {"code": code}).status_code == 400

    def test_an_expired_one(self, target: Target) -> None:
        email = "gus@example.org"
        code = target.code(email)
        for key in target.redis.keys("im:*:code:*"):
            target.redis.pexpire(key, 1)  # ten minutes later
        body = GOOD | {"account": "gus", "email": email, "code": code}
        assert target.api("auth/register/", body).status_code == 400


class TestGoodCodes:
    """50: valid once."""

    def test_only_the_right_one_and_only_once(self, target: Target) -> None:
        email, other = "dora@example.org", "erin@example.org"
        code, others = target.code(email), target.code(other)
        good = GOOD | {"account": "dora", "email": email}
        everything = [f"{number:06}" for number in range(1_000)]
        wrong = [f"{(int(code) + 1) % 1_000_000:06}", others, int(code), everything, [code],
                 {"$regex": "."}, f"{code}0", code[:-1], f"{code[:3]}.{code[3:]}"]  # fmt: skip
        with target.unchanged():
            for guess in wrong:
                assert target.api("auth/register/", good | {"code": guess}).status_code == 400
            reset = {"email": email, "code": code, "password": PASSWORD}
            assert target.api("auth/password/reset/", reset).status_code == 400
        assert target.api("auth/register/", good | {"code": code}).status_code == 201
        with target.unchanged():
            again = good | {"account": "dora-again", "code": code}
            assert target.api("auth/register/", again).status_code == 400

    def test_of_parallel_uses_one_succeeds(self, target: Target) -> None:
        email = "hal@example.org"
        code = target.code(email)
        bodies = [GOOD | {"account": f"hal{n}", "email": email, "code": code} for n in range(4)]
        with ThreadPoolExecutor(len(bodies)) as pool:
            answers = list(pool.map(lambda body: target.api("auth/register/", body), bodies))
        assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400]
        assert target.database["user_basic"].count_documents({"email": email}) == 1


def test_fields_nobody_may_set(target: Target) -> None:
    """52"""
    email = "ida@example.org"
    more = {"is_staff": True, "is_superuser": True, "is_active": False, "identity": "0" * 24,
            "_id": "0" * 24, "id": 1, "created_at": 1, "date_joined": 1, "groups": ["admin"],
            "user_permissions": ["all"], "deleted_at": 1, "password_set_at": 1}  # fmt: skip
    body = GOOD | more | {"account": "ida", "email": email, "code": target.code(email)}
    made = target.api("auth/register/", body)
    assert made.status_code == 201
    stored = target.database["user_basic"].find_one({"email": email})
    assert stored is not None
    assert (stored["is_staff"], stored["is_superuser"], stored["is_active"]) == (False, False, True)
    assert str(stored["_id"]) != "0" * 24
    assert min(stored["created_at"], stored["password_set_at"]) > 1_700_000_000_000
    headers = {"Authorization": f"Bearer {made.json()['access']}"}
    target.ask("PATCH", "/api/v1/users/me/", json={**more, "nickname": "Ida"}, headers=headers)
    changed = target.database["user_basic"].find_one({"email": email})
    assert changed == stored | {"nickname": "Ida", "updated_at": changed and changed["updated_at"]}


@pytest.mark.usefixtures("all_untouched")
class TestPasswords:
    """53: checked before the code, so that the answer shows what is wrong."""

    def at_fault(self, target: Target, **changes: str) -> list[str]:
        answer = target.api("auth/register/", GOOD | {"email": "new@example.org"} | changes)
        assert answer.status_code == 400
        return list(answer.json()["errors"])

    @pytest.mark.parametrize(
        "password",
        ["", "7 chars", "x" * 129, "x" * 4_096, "x" * 200_000, "password", "12345678",
         "qwertyuiop", "somebody", "SOMEBODY", "new@example.org", "ﷺ" * 129],
    )  # fmt: skip
    def test_refused(self, target: Target, password: str) -> None:
        """Overlong passwords are refused at once: hashing a megabyte would be free work for an
        attacker."""
        assert self.at_fault(target, password=password) == ["password"]

    def test_nul(self, target: Target) -> None:
        assert target.api("auth/register/", GOOD | {"password": "a\0" * 8}).status_code == 400

    @pytest.mark.parametrize(
        "password", ["8 charsX", "x y z x y z", "x" * 128, "长城长城长城长城", "🦊🐼🦊🐼🦊🐼🦊🐼",
                     " leading and trailing ", "        ", "<script>x</script>", "' OR '1'='1"]
    )  # fmt: skip
    def test_taken(self, target: Target, password: str) -> None:
        assert self.at_fault(target, password=password) == ["code"]


@pytest.mark.usefixtures("all_untouched")
class TestAccounts:
    """54"""

    @pytest.mark.parametrize(
        "account",
        ["a@b", "admin", "ADMIN", "ａｄｍｉｎ", " admin ", "root", "system", "support", "me",
         "../x", "a/b", "a\\b", "a b", "<b>x</b>", "{{7*7}}", "${x}",
         "аdmin", "ⅷ@", "", ".", "-a", "a-", "_", "x" * 33, "x" * 10_000, "a\r\nb", "用户",
         "a%00b", "deleted-x"],
    )  # fmt: skip
    def test_refused(self, target: Target, account: str) -> None:
        answer = target.api("auth/register/", GOOD | {"account": account})
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["account"]

    def test_twins_of_a_name_that_is_taken(self, target: Target) -> None:
        """The username is taken: only somebody with the right code can tell it from a free one."""
        name, code = target.alice.account, target.code(email := "twin@example.org")
        wide = "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in name)
        for twin in (name, name.upper(), f" {name} ", wide):
            stranger = target.api("auth/register/", GOOD | {"account": twin})
            assert list(stranger.json()["errors"]) == ["code"], twin
            body = GOOD | {"account": twin, "email": email, "code": code}
            answer = target.api("auth/register/", body)
            assert list(answer.json()["errors"]) == ["account"], twin


class TestRefreshTokens:
    """55"""

    def refused(self, target: Target, refresh: str) -> None:
        answer = target.api("auth/refresh/", {"refresh": refresh})
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")

    @pytest.mark.usefixtures("untouched")
    def test_what_is_none(self, target: Target) -> None:
        alice = target.alice
        head, body, signature = alice.refresh.split(".")
        for token in ("x", "", "a.b.c", alice.access, f"{head}.{body}.", f"{head}.{body}.x",
                      f"{head}.{body}", alice.refresh + "x", alice.refresh[:-4], "." * 10_000,
                      f"eyJhbGciOiJub25lIn0.{body}.", signature):  # fmt: skip
            answer = target.api("auth/refresh/", {"refresh": token})
            assert answer.status_code == (401 if token else 400), token[:50]

    def test_one_used_before_ends_the_family(self, target: Target) -> None:
        person = target.register("jay")
        other = target.sign_in(person)
        fresh = target.api("auth/refresh/", {"refresh": person.refresh}).json()
        target.secrets |= {fresh["access"], fresh["refresh"]}
        self.refused(target, person.refresh)
        self.refused(target, fresh["refresh"])
        for access, status in ((fresh["access"], 401), (person.access, 401), (other.access, 200)):
            headers = {"Authorization": f"Bearer {access}"}
            assert target.ask("GET", "/api/v1/users/me/", headers=headers).status_code == status

    def test_of_parallel_uses_one_succeeds_at_most(self, target: Target) -> None:
        person = target.register("kim")
        with ThreadPoolExecutor(4) as pool:
            body = {"refresh": person.refresh}
            answers = list(pool.map(lambda _: target.api("auth/refresh/", body), range(4)))
        assert [answer.status_code for answer in answers].count(200) == 1
        self.refused(target, person.refresh)

    def test_after_sign_out(self, target: Target) -> None:
        person = target.register("lea")
        assert target.api("auth/logout/", {"refresh": person.refresh}).status_code == 204
        self.refused(target, person.refresh)

    def test_after_a_change_of_password(self, target: Target) -> None:
        person, new = target.register("max"), "another horse battery"
        other = target.sign_in(person)
        target.secrets.add(new)
        change = {"old_password": PASSWORD, "new_password": new}
        changed = target.api("auth/password/change/", change, headers=person.headers)
        assert changed.status_code == 204
        self.refused(target, other.refresh)

    def test_after_deactivation(self, target: Target) -> None:
        person = target.register("nan")
        users = target.database["user_basic"]
        users.update_one({"email": person.email}, {"$set": {"is_active": False}})
        self.refused(target, person.refresh)
        headers = person.headers
        assert target.ask("GET", "/api/v1/users/me/", headers=headers).status_code == 401
