"""What all pages share: language, security headers, error pages, and files that fit together."""

import re
import shutil
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.views.defaults import server_error

from imsystem.http.storage import ModuleManifestStorage
from tests.conftest import Cast
from tests.pages.conftest import browser, text
from tests.texts import catalogue

PUBLIC = ["/accounts/login/", "/accounts/register/", "/accounts/password/reset/"]
PRIVATE = ["/chat/", "/accounts/profile/", "/accounts/devices/", "/accounts/password/",
           "/accounts/email/", "/accounts/privacy/", "/accounts/data/", "/accounts/delete/",
           "/accounts/logout/", "/rooms/new/", "/rooms/join/", "/rooms/direct/"]  # fmt: skip
TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
SCRIPTS = sorted((settings.BASE_DIR / "static" / "js").rglob("*.js"))


@pytest.mark.parametrize(("asked", "lang"), [("en", "en"), ("zh-CN,zh", "zh-Hans"), ("fr", "en")])
def test_pages_speak_the_reader_s_language(cast: Cast, asked: str, lang: str) -> None:
    for client, pages in ((browser(None, asked), PUBLIC), (browser(cast.member, asked), PRIVATE)):
        for page in pages:
            assert f'<html lang="{lang}">' in client.get(page).content.decode(), page


def test_the_language_can_be_chosen() -> None:
    client = browser(language="en")
    response = client.post("/i18n/setlang/", {"language": "zh-hans", "next": PUBLIC[0]})
    assert response["Location"] == PUBLIC[0]
    assert '<html lang="zh-Hans">' in client.get(PUBLIC[0]).content.decode()


def test_pages_allow_no_inline_scripts_or_styles(cast: Cast) -> None:
    client = browser(cast.member)
    for page in [*PRIVATE, f"/chat/{cast.room.pk}/", f"/rooms/{cast.room.pk}/settings/"]:
        response = client.get(page)
        body = response.content.decode()
        nonce = re.search(r"'nonce-([^']+)'", response["Content-Security-Policy"])
        assert nonce, page
        assert f'nonce="{nonce[1]}"' in body
        assert "unsafe" not in response["Content-Security-Policy"]
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", body), page


def test_errors_have_a_page_with_one_next_action(cast: Cast) -> None:
    missing = browser(cast.member).get("/no/such/page/")
    assert missing.status_code == 404
    assert missing.content.decode().count('class="button primary"') == 1
    forbidden = Client(enforce_csrf_checks=True).post("/accounts/login/", {"account": "a"})
    assert forbidden.status_code == 403
    assert "This page has expired" in text(forbidden)


def test_the_page_of_a_server_error_needs_nothing_that_may_be_broken() -> None:
    page = server_error(RequestFactory().get("/"))
    assert page.status_code == 500
    assert "Something went wrong on our side" in text(page)


def test_templates_hold_no_untranslated_chinese() -> None:
    for path in TEMPLATES + SCRIPTS:
        assert not re.search(r"[\u3400-\u9fff]", path.read_text()), path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_imports_end_with_a_semicolon_and_lead_somewhere(path: Path) -> None:
    """The storage that hashes file names misses imports without a semicolon."""
    for line in path.read_text().splitlines():
        if line.startswith(("import ", "export {")) and " from " in line:
            assert line.endswith(";"), line
            target = re.search(r'"(.+)"', line)
            assert target
            assert target[1].startswith("@") or (path.parent / target[1]).exists(), line


def test_scripts_find_each_other_under_hashed_names(tmp_path: Path) -> None:
    """Does what `collectstatic` does. It follows imports in comments too, and fails on circles."""
    source = settings.BASE_DIR / "static"
    shutil.copytree(source, tmp_path, dirs_exist_ok=True)
    storage = ModuleManifestStorage(location=str(tmp_path), base_url="/static/")
    names = [str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()]
    results = list(storage.post_process({name: (storage, name) for name in names}))
    assert [result for *_, result in results if isinstance(result, Exception)] == []
    chat = Path(tmp_path, storage.hashed_files["js/chat.js"]).read_text()
    assert re.search(r'"\./views/page\.[0-9a-f]{12}\.js"', chat)


def test_every_script_writes_text_as_text() -> None:
    for path in SCRIPTS:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(",
                             path.read_text()), path  # fmt: skip


def stray_spaces(page: str) -> list[str]:
    """Returns white space that a browser shows after a Chinese stop."""
    page = re.sub(r"<(script|template)\b.*?</\1>", "", page, flags=re.DOTALL)
    page = re.sub(r"</?(a|b|bdi|code|span|strong|time)\b[^>]*>", "", page)
    return re.findall(r"[。？！，：；]\s+[^\s|·].{0,20}", re.sub(r"<[^>]*>", "|", page))


def test_chinese_sentences_stand_without_spaces(cast: Cast) -> None:
    reader = browser(cast.owner, "zh-CN")
    own = [*PRIVATE, "/accounts/two-factor/", "/no/such/page/", f"/chat/{cast.room.pk}/"]
    settings_page = f"/rooms/{cast.room.pk}/settings/"
    own += [settings_page, f"{settings_page}?confirm=delete"]
    for client, pages in ((browser(None, "zh-CN"), PUBLIC), (reader, own)):
        for page in pages:
            assert stray_spaces(client.get(page).content.decode()) == [], page
    fields = {"email": "new@example.org", "action": "send_code"}
    sent = browser(None, "zh-CN").post("/accounts/register/", fields).content.decode()
    assert "分钟内有效。" in sent
    assert stray_spaces(sent) == []
    assert stray_spaces("<p>有效。 <a>60</a></p>") == ["。 60|"]


@pytest.mark.parametrize("name", ["django", "djangojs"])
def test_the_catalogue_is_compiled(name: str) -> None:
    """The sources themselves are checked by tests/test_texts.py."""
    compiled = settings.BASE_DIR / "locale" / "zh_Hans" / "LC_MESSAGES" / f"{name}.mo"
    with compiled.open("rb") as file:
        translations = GNUTranslations(file)
    for (context, one, many), translation in catalogue(name):
        if context:
            found = translations.pgettext(context, one)
        else:
            found = translations.ngettext(one, many, 1) if many else translations.gettext(one)
        assert found == translation


def test_the_scripts_get_their_texts() -> None:
    catalog = browser(language="zh-CN").get("/jsi18n/").json()["catalog"]
    assert catalog["Today"] == "\u4eca\u5929"


@pytest.mark.parametrize(
    ("typed", "leads_to"),
    [
        ("/chat", "/chat/"),
        ("/admin", "/admin/"),
        ("/accounts/login?next=/chat/", "/accounts/login/?next=/chat/"),
        ("/rooms/new", "/rooms/new/"),
        ("/api/docs", None),
        ("/no/such/page", None),
    ],
)
def test_an_address_without_its_slash_leads_to_the_page(typed: str, leads_to: str | None) -> None:
    answer = Client().get(typed)
    assert (answer.status_code, answer.headers.get("Location")) == (
        (302, leads_to) if leads_to else (404, None)
    )
    assert Client().post(typed).status_code == 404


def test_an_address_with_two_slashes_leads_nowhere() -> None:
    """Browsers would take it for another host."""
    answer = Client().get("/", PATH_INFO="//evil.example/chat")
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)


def stale(origin: str = "http://testserver") -> str:
    """Returns what the page shows when this form arrives without a valid token."""
    form = {"name": "A long name", "info": "<b>", "password": "secret", "code": "123456"}
    answer = Client(enforce_csrf_checks=True, headers={"Origin": origin}).post("/rooms/new/", form)
    assert answer.status_code == 403
    return answer.content.decode()


def test_a_form_that_is_out_of_date_shows_what_was_written_but_no_secret() -> None:
    page = stale()
    assert "A long name" in page
    assert "&lt;b&gt;" in page
    assert "secret" not in page
    assert "123456" not in page


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_what_another_site_made_up_is_not_shown(origin: str) -> None:
    assert "A long name" not in stale(origin)
