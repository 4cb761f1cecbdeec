"""The documents: links lead somewhere, and every decision has the same form."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda path: path.as_posix()
)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
WITHOUT_ENTRIES = {"README.md", "dependencies.md"}

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)
STATUS = re.compile(r"\*\d{4}-\d\d-\d\d · (accepted|superseded by \[[^]]+\]\([^)]+\))\*")
PARTS = ["Context.", "Decision.", "Consequence."]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = CODE.sub(
        lambda code: code[0].strip("`") if "\n" not in code[0] else "", page.read_text()
    )
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    broken = []
    for link in LINK.findall(CODE.sub("", page.read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def entries(page: Path) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", page.read_text(), flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def faults(entry: str) -> list[str]:
    first, *_ = entry.splitlines()
    found = [] if STATUS.fullmatch(first) else [f"status: {first}"]
    parts = re.findall(r"^\*\*(.+?)\*\*", entry, re.M)
    if parts not in (PARTS, [*PARTS, "Reconsider when"]):
        found.append(f"paragraphs: {parts}")
    return found


@pytest.mark.parametrize(
    "page", [page for page in DECISIONS if page.name not in WITHOUT_ENTRIES], ids=name
)
def test_every_decision_has_the_same_form(page: Path) -> None:
    assert entries(page)
    assert {
        title: found for title, entry in entries(page).items() if (found := faults(entry))
    } == {}


def test_the_index_lists_every_area() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    listed = re.findall(r"^\| \[(\w+\.md)\]", index, re.M)
    assert sorted(listed) == [page.name for page in DECISIONS if page.name != "README.md"]


def test_every_dependency_says_what_it_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    needed = {re.split(r"[^\w-]", line)[0] for group in groups for line in group}
    page = (ROOT / "docs" / "decisions" / "dependencies.md").read_text()
    rows = re.findall(r"^\| (.+?) \|", page, re.M)
    assert needed - {package for row in rows for package in re.findall(r"[\w-]+", row)} == set()


PATHS = re.compile(r"`((?:[\w.-]+/)*[\w.-]+)/?`")
TOP = {path.name for path in ROOT.iterdir()}
# Given as names only where a folder was named before.
INSIDE = {"urls.py", "views.py", "policies.py", "commands.py", "frames.py", "announce.py",
          "backup.py", "djangojs.po"}  # fmt: skip
CALLED = re.compile(r"`@?([A-Za-z_]\w*)(?:\([^`]*\))?`")
# Words of Django, of the shell, of the protocol and of Python.
NOT_OURS = {
    "env",
    "sync",
    "gettext",
    "RunPython",
    "make",
    "seq",
    "ready",
    "tag",
    "template",
    "im_test",
}


def contributing() -> str:
    return (ROOT / "CONTRIBUTING.md").read_text()


def test_contributing_names_files_that_exist() -> None:
    named = [path for path in PATHS.findall(contributing()) if "/" in path or "." in path]
    ours = [path for path in named if path.split("/")[0] in TOP]
    missing = [path for path in ours if not (ROOT / path).exists()]
    assert missing == []
    assert [path for path in named if path not in ours and path not in INSIDE] == []
    assert len(set(ours)) > 40


def test_contributing_names_things_that_exist() -> None:
    """Every function, class, decorator and target of make that it names."""
    source = "\n".join(path.read_text() for name in ("imsystem", "accounts", "rooms", "chat")
                       for path in (ROOT / name).rglob("*.py"))  # fmt: skip
    for word in set(CALLED.findall(contributing())) - NOT_OURS - TOP:
        defined = rf"\b(?:def|class) {word}\b|^{word}\b.* = |^ +{word}: |\b{word}=|\b{word}\("
        assert re.search(defined, source, re.M), word
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:`|^ {4})make ([a-z]+)", contributing(), re.M)) <= targets
