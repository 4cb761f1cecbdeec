"""Every text that people read is translated, in words that belong together."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import texts

CATALOGUES = {"django": texts.of_pages, "djangojs": texts.of_scripts}
# Caught where it is raised.
NOT_FOR_PEOPLE = {"not plain ASCII, or too long"}
ERRORS = {"AppError", "BadRequest", "Forbidden", "NotFound", "Muted", "RateLimited", "TooLarge",
          "Unavailable", "ValidationError"}  # fmt: skip
# One word for one thing. 房间 suits live streams, 应用 alone leaves open which; a group is 群聊.
NEVER_IN_CHINESE = re.compile(r"房间|账号名|帐|验证器应用")
# Words of a translator rather than of a writer.
NEVER_IN_ENGLISH = re.compile(
    r"account name|(?<!e-)\bmails?\b|somebody|\banew\b|for good|\brooms?\b(?! (?:or|and) users)|"
    r"present password|in place of|the people who run|switch(?:ed)? (?:on|off)|\bnobody with\b",
    re.I,
)
# The administrators' pages and the API speak of the data: a room is a group or a conversation.
OF_THE_DATA = {"room", "rooms", "rooms or users", "Identity of a user or a room",
               "Identity of a message, a room or a user",
               "Identity of a user, a room or a message"}  # fmt: skip


@pytest.mark.parametrize("name", CATALOGUES)
def test_the_catalogue_has_every_text_and_no_other(name: str) -> None:
    listed = [entry.text for entry in texts.catalogue(name)]
    assert len(listed) == len(set(listed))
    assert set(listed) == CATALOGUES[name]()


@pytest.mark.parametrize("name", CATALOGUES)
def test_every_text_has_its_translation_with_the_same_placeholders(name: str) -> None:
    def placeholders(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)[sdr]|{\w+}|</?\w+>", text))

    for (_, one, many), translation in texts.catalogue(name):
        assert translation
        assert placeholders(translation) == placeholders(many or one), one


@pytest.mark.parametrize("template", texts.TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_words_of_its_own(template: Path) -> None:
    assert texts.untranslated(template) == []


def plain_errors(path: Path) -> Iterator[str]:
    """Errors for people whose text is not translated."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        told = [*node.args, *(word.value for word in node.keywords if word.arg == "detail")]
        if called in ERRORS:
            yield from (f"{path}: {ast.unparse(arg)}" for arg in told if _is_text(arg))


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value not in NOT_FOR_PEOPLE
    return isinstance(node, ast.JoinedStr)


def test_every_error_for_people_is_translated() -> None:
    assert [error for path in texts.PYTHON for error in plain_errors(path)] == []


def test_scripts_show_no_text_of_their_own() -> None:
    shown = re.compile(
        r"""(?:textContent|title|ariaLabel|placeholder)\s*=\s*["'`][^"'`$]*[a-z]{3}|
                           setText\([^,()]*(?:\([^()]*\))?[^,()]*,\s*["'`][^"'`$]*[a-z]{3}""",
        re.X,
    )
    for path in texts.SCRIPTS:
        assert shown.findall(path.read_text()) == [], path


def test_one_word_for_one_thing() -> None:
    entries = [entry for name in CATALOGUES for entry in texts.catalogue(name)]
    assert [e.translation for e in entries if NEVER_IN_CHINESE.search(e.translation)] == []
    english = {e.text.one for e in entries if NEVER_IN_ENGLISH.search(e.text.one)}
    assert english - OF_THE_DATA == set()


def test_chinese_has_chinese_stops_and_no_space_after_them() -> None:
    for name in CATALOGUES:
        for _, translation in texts.catalogue(name):
            assert not re.search(r"[。？！，：；] |[\u4e00-\u9fff][,;?!:](?!\w)", translation), (
                translation
            )
