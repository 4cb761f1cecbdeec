"""Codes of authenticator apps compared with the RFC's, their validity to the second, and invalid
codes."""

import base64
from xml.etree import ElementTree

import pytest

from accounts.totp import (
    app_uri,
    in_fours,
    new_recovery_code,
    new_secret,
    qr_code,
    read_recovery_code,
    step_of,
)

# RFC 6238, appendix B: the key of all SHA-1 rows, and the last six digits of their codes.
KEY = base64.b32encode(b"12345678901234567890").decode()
RFC = {
    59: "287082",
    1_111_111_109: "081804",
    1_111_111_111: "050471",
    1_234_567_890: "005924",
    2_000_000_000: "279037",
    20_000_000_000: "353130",
}


def step(code: str, at_s: float, after: int = 0) -> int | None:
    return step_of(code, secret=KEY, at_ms=int(at_s * 1000), after=after)


@pytest.mark.parametrize("at_s", RFC)
def test_the_codes_of_the_rfc(at_s: int) -> None:
    assert step(RFC[at_s], at_s) == at_s // 30


@pytest.mark.parametrize(
    ("at_s", "good"),
    [
        (1_234_567_859.999, False),  # two steps early
        (1_234_567_860, True),  # the phone is ahead
        (1_234_567_890, True),
        (1_234_567_949.999, True),  # the phone is behind
        (1_234_567_950, False),
    ],
)
def test_a_code_is_good_in_its_step_and_the_ones_beside(at_s: float, good: bool) -> None:
    assert step("005924", at_s) == (41_152_263 if good else None)


def test_steps_that_were_used_and_earlier_ones_are_over() -> None:
    assert step("005924", 1_234_567_890, after=41_152_262) == 41_152_263
    assert step("005924", 1_234_567_890, after=41_152_263) is None
    assert step("005924", 1_234_567_890, after=41_152_264) is None


@pytest.mark.parametrize("code", ["005 924", " 005924 ", "0 0 5 9 2 4", "005924\n"])
def test_spaces_do_not_matter(code: str) -> None:
    assert step(code, 1_234_567_890) == 41_152_263


@pytest.mark.parametrize(
    "code",
    ["", " ", "00592", "0059244", "5924", "+05924", "-05924", "00592x",
     "0x1720", "5924.0", "005924 005924", "005925", "0" * 10_000],
)  # fmt: skip
def test_what_is_no_code(code: str) -> None:
    assert step(code, 1_234_567_890) is None


def test_secrets_have_160_bits_and_differ() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b32decode(secret)) for secret in made} == {20}


def test_what_the_app_reads() -> None:
    assert app_uri(KEY, account="li.wei") == (
        f"otpauth://totp/IMSystem:li.wei?secret={KEY}&issuer=IMSystem"
    )


def test_the_picture_stands_alone() -> None:
    kind, _comma, data = qr_code(app_uri(KEY, account="alice")).partition(",")
    assert kind == "data:image/svg+xml;base64"
    picture = ElementTree.fromstring(base64.b64decode(data))  # noqa: S314 -- our own
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert picture.get("viewBox") == "0 0 45 45"  # 37 modules, and four around them
    light, dark = picture.iter("{http://www.w3.org/2000/svg}path")
    assert (light.get("fill"), dark.get("stroke")) == ("#fff", "#000")


# --- recovery codes -------------------------------------------------------------------------


def test_recovery_codes_are_sixteen_digits_and_differ() -> None:
    made = {new_recovery_code() for _ in range(1_000)}
    assert len(made) == 1_000
    assert {read_recovery_code(code) for code in made} == made
    assert {len(code) for code in made} == {16}


@pytest.mark.parametrize(
    "text",
    ["1234567890123456", "1234-5678-9012-3456", " 1234 5678 9012 3456 ", "1234-567890123456-",
     "1234 - 5678 - 9012 - 3456\r\n"],
)  # fmt: skip
def test_grouping_does_not_matter(text: str) -> None:
    assert read_recovery_code(text) == "1234567890123456"


@pytest.mark.parametrize(
    "text",
    ["", "-", "123456", "123456789012345", "12345678901234567", "x" * 16,
     "1234_5678_9012_3456", "1" * 10_000],
)  # fmt: skip
def test_what_is_no_recovery_code(text: str) -> None:
    assert read_recovery_code(text) is None


def test_groups_of_four() -> None:
    assert in_fours("1234567890", "-") == "1234-5678-90"
    assert in_fours("", "-") == ""


@pytest.mark.parametrize(
    "code", ["005 924", "005-924", "００５９２４", "٠٠٥٩٢٤", "\u200b005924\ufeff", "005\u2013924"]
)
def test_codes_as_people_type_them(code: str) -> None:
    assert step(code, 1_234_567_890) == 1_234_567_890 // 30


@pytest.mark.parametrize(
    "text",
    ["１２３４ 5678 9012 3456", "1234\u20135678\u20139012\u20133456", "\ufeff1234567890123456"],
)
def test_recovery_codes_as_people_type_them(text: str) -> None:
    assert read_recovery_code(text) == "1234567890123456"
