"""What a User-Agent is shown as, whatever it says. No database."""

import re
import string

import pytest
from django.utils import translation
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.clients import MAX_LENGTH, Client, client_name, client_of, is_phone

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS, LINUX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Mozilla/5.0 (X11; Linux x86_64)"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X)"
PIXEL = "Mozilla/5.0 (Linux; Android 15; Pixel 9)"
CHROME_ON_WINDOWS = f"{WINDOWS} {BLINK} Chrome/142.0.0.0 Safari/537.36"
PHONES = {"iOS", "Android"}


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME_ON_WINDOWS, "Chrome on Windows"),
        (f"{CHROME_ON_WINDOWS} Edg/142.0.0.0", "Edge on Windows"),
        (f"{LINUX[:-1]}; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
        (f"{PHONE} {APPLE} Version/18.6 Mobile/15E148 Safari/604.1", "Safari on iOS"),
        (f"{PHONE} {APPLE} CriOS/142.0 Mobile/15E148 Safari/604.1", "Chrome on iOS"),
        (f"{PHONE} {APPLE} FxiOS/145.0 Mobile/15E148 Safari/605.1", "Firefox on iOS"),
        (f"{PHONE} {APPLE} Mobile/15E148", "iOS"),
        (f"{PIXEL} {BLINK} Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"{PIXEL} {BLINK} Chrome/122.0 Mobile Safari/537.36 MicroMessenger/8.0",
         "WeChat on Android"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.6 Safari/605.1.15",
         "Safari on macOS"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("curl/8.5.0", "curl"),
        ("OurChat/2.1 (Android 15; Pixel 9)", "OurChat on Android"),
        ("Go-http-client/1.1", "Go-http-client"),
        ("test", "test"),
        ("Mozilla/5.0", "Unknown device"),
        ("Mozilla/5.0 (compatible; evil.example/1.0; http://evil.example)", "Unknown device"),
        ("", "Unknown device"),
        ("微信", "Unknown device"),
        ("www.evil.example/login now", "www evil example"),
        ("https://evil.example/", "https"),
        ("Chat-1.2.3", "Chat-1.2.3"),
    ],
)  # fmt: skip
def test_the_client_in_words(user_agent: str, name: str) -> None:
    assert client_name(user_agent) == name
    assert is_phone(client_of(user_agent)) == (name.split(" on ")[-1] in PHONES)


def test_the_client_in_chinese() -> None:
    with translation.override("zh-hans"):
        assert client_name("curl/8.5.0") == "curl"
        assert client_name("") == "未知设备"


def test_an_update_is_the_same_client() -> None:
    assert client_of(CHROME_ON_WINDOWS.replace("142", "150")) == client_of(CHROME_ON_WINDOWS)
    assert client_of("curl/8.6") == client_of("curl/8.5.0") == Client("curl", "")


ALLOWED = set(string.ascii_letters + string.digits + " .()-")
PARTS = ["Mozilla/5.0 (", "Android 15; ", "https://", "evil.example", "//", "www.", "\n", "Bot/1.0",
         "\u202e", "<script>", "Windows NT 10.0", "1.2.3.4", "@", "点", ")", " "]  # fmt: skip


@given(st.text(max_size=200) | st.lists(st.sampled_from(PARTS), max_size=25).map("".join))
@example("Mozilla/5.0 (X11; Linux x86_64) " + "A" * 160 + "Bot/1.0")
@example("x" * 200)
def test_no_user_agent_brings_an_address_into_a_mail(user_agent: str) -> None:
    name = client_name(user_agent[:200])
    assert 0 < len(name) <= MAX_LENGTH
    assert set(name) <= ALLOWED
    assert not re.search(r"[A-Za-z]\.|\.[A-Za-z]", name)  # what mail programs turn into links
