"""Finds the texts of the product: what is translated, and what is written without translation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("imsystem", "accounts", "rooms", "chat")
PYTHON = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
TEMPLATES = sorted(
    path for path in (ROOT / "templates").rglob("*.*") if "drf_spectacular" not in path.parts
)
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))

_TRANSLATE = re.compile(
    r"""{%\s*trans(?:late)?\s+(?P<q>["'])(?P<text>.*?)(?P=q)(?:\s+context\s+"(?P<context>\w+)")?"""
)
_BLOCK = re.compile(r"{%\s*blocktrans(?:late)?(.*?)%}(.*?){%\s*endblocktrans(?:late)?\s*%}", re.S)
_PLURAL = re.compile(r"{%\s*plural\s*%}")
_SCRIPT = re.compile(r'\b(n?gettext)\(\s*("(?:[^"\\]|\\.)*")(?:,\s*("(?:[^"\\]|\\.)*"))?')


class Text(NamedTuple):
    """A text to translate: its context, singular and plural."""

    context: str | None
    one: str
    many: str | None = None


def _aliases(tree: ast.Module) -> dict[str, str]:
    """What a module calls the functions that translate."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [name for node in imports if node.module == "django.utils.translation"
             for name in node.names if "gettext" in name.name]  # fmt: skip
    return {name.asname or name.name: name.name for name in names}


def of_python(path: Path) -> Iterator[Text]:
    tree = ast.parse(path.read_text())
    functions = _aliases(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = functions.get(getattr(call.func, "id", ""), "")
        texts = [str(arg.value) for arg in call.args if isinstance(arg, ast.Constant)]
        if function.startswith("p"):
            yield Text(texts[0], texts[1])
        elif function and texts:
            yield Text(None, texts[0], texts[1] if function.startswith("n") else None)


def of_template(path: Path) -> Iterator[Text]:
    source = path.read_text()
    for found in _TRANSLATE.finditer(source):
        yield Text(found["context"], found["text"])
    for options, body in _BLOCK.findall(source):
        parts = [re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", part) for part in _PLURAL.split(body)]
        if "trimmed" in options:
            parts = [" ".join(part.split()) for part in parts]
        yield Text(None, parts[0], parts[1] if len(parts) > 1 else None)


def of_script(path: Path) -> Iterator[Text]:
    for function, one, many in _SCRIPT.findall(path.read_text()):
        plural = str(ast.literal_eval(many)) if function == "ngettext" else None
        yield Text(None, str(ast.literal_eval(one)), plural)


def of_pages() -> set[Text]:
    """What the server translates."""
    found = {text for path in PYTHON for text in of_python(path)}
    return found | {text for path in TEMPLATES for text in of_template(path)}


def of_scripts() -> set[Text]:
    """What the scripts of the pages translate."""
    return {text for path in SCRIPTS for text in of_script(path)}


class Entry(NamedTuple):
    text: Text
    translation: str


def catalogue(name: str) -> list[Entry]:
    """The entries of a .po file, without its head."""
    path = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / f"{name}.po"
    return [_entry(block) for block in path.read_text().split("\n\n")[1:] if "msgid" in block]


def _entry(block: str) -> Entry:
    fields: dict[str, str] = {}
    key = ""
    for line in block.splitlines():
        if line.startswith('"'):
            fields[key] += ast.literal_eval(line)
        elif line and not line.startswith("#"):
            key, _, text = line.partition(" ")
            fields[key] = ast.literal_eval(text)
    text = Text(fields.get("msgctxt"), fields["msgid"], fields.get("msgid_plural"))
    return Entry(text, fields.get("msgstr") or fields.get("msgstr[0]", ""))


_COMMENTS = re.compile(r"{%\s*comment.*?endcomment\s*%}|{#.*?#}|<!--.*?-->", re.S)
_CODE = re.compile(r"<(script|style)\b.*?</\1>|{%.*?%}|{{.*?}}|&\w+;", re.S)
_TAG = re.compile(r"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""")
_ATTRIBUTE = re.compile(r'\s(?:aria-label|alt|title|placeholder)="([^"]*)"')
_WIDTH = re.compile(r"{% block width %}.*?{% endblock %}")  # a CSS class
_NAMES = {"IMSystem", "UTC"}


def untranslated(template: Path) -> list[str]:
    """The words of a template that everybody would read in English."""
    source = _BLOCK.sub("", _WIDTH.sub("", _COMMENTS.sub("", template.read_text())))
    source = _CODE.sub("", source)
    parts = [_TAG.sub("\n", source), *_ATTRIBUTE.findall(source)]
    words = [word for part in parts for word in re.findall(r"[^\W\d_]{2,}[\w' -]*", part)]
    return [word for word in words if word.strip() not in _NAMES]
