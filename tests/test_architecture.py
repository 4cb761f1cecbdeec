"""Imports go one way (docs/architecture.md): between the packages, and inside each app."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ["imsystem", "accounts", "rooms", "chat"]
# Where everything is put together.
COMPOSITION = {"imsystem/asgi.py", "imsystem/urls.py"}
# Inside an app: each of these may import from the ones before it.
LAYERS = [
    {"choices", "canonical", "errors", "identity", "text", "apps", "validators", "hashers", "totp",
     "clients", "signing", "unread"},
    {"policies", "kinds", "protocol", "payloads", "frames", "default_avatar", "pictures",
     "links"},
    {"models"},
    {"access", "heads", "sequence", "codes", "tokens", "tickets", "trusted_devices",
     "known_sources", "selectors", "submission",
     "journal", "gaps", "known_devices", "uncertain_writes", "providers", "privacy", "online",
     "user_cache", "loading", "catch_up", "gap_filling", "bans", "hooks", "changes", "edits",
     "revisions"},
    {"announce", "mails", "sessions", "services", "checkpoint", "snapshot", "account_deletion",
     "export", "presence", "backup"},
    {"api", "views", "pages", "forms", "serializers", "consumer", "handshake", "commands", "admin",
     "sweep", "checks", "ws_auth", "middleware", "authentication", "backends", "requests", "urls",
     "api_urls", "audited", "avatar_urls", "uploads", "compat", "draining", "templatetags",
     "confirmations", "known_callers"},
]  # fmt: skip


def modules() -> list[Path]:
    return [
        path
        for package in ORDER
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports at run time; what only the type checker sees does not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_import_downwards_only(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name in COMPOSITION:
        return
    allowed = ORDER[: ORDER.index(path.relative_to(ROOT).parts[0]) + 1]
    found = {module.split(".")[0] for module in imports(path)} & set(ORDER)
    assert found <= set(allowed)


def layer_of(name: str) -> int | None:
    return next((number for number, layer in enumerate(LAYERS) if name in layer), None)


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if path.relative_to(ROOT).parts[0] in ORDER[1:]],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_apps_import_downwards_only(path: Path) -> None:
    app, name = path.relative_to(ROOT).with_suffix("").parts[:2]
    if name in {"__init__", "apps", "management"}:
        return
    own = layer_of(name)
    assert own is not None, f"say in this test to which layer {name} belongs"
    for module in imports(path):
        package, _, rest = module.partition(".")
        layer = layer_of(rest.split(".")[0]) if package == app and rest else None
        assert layer is None or layer <= own, f"{path.name} imports {module}"


def test_no_signals_carry_business_logic() -> None:
    assert [path.name for path in modules() if path.stem in {"signals", "receivers"}] == []


def test_input_never_meets_a_pattern() -> None:
    """iexact and regex are not escaped by the backend: `a.*@x.cn` would match other people."""
    for path in modules():
        text = path.read_text(encoding="utf-8")
        assert "__iexact" not in text, path
        assert "__regex" not in text, path
        assert "__iregex" not in text, path


# Tasks of one request or one socket, which log in its name, and the parts of a job.
OWN_TASKS = {"asgi_handler.py", "connection.py", "consumer.py", "draining.py", "running.py"}


def test_background_tasks_log_in_nobodys_name() -> None:
    """A task keeps the context it is started in: the identity of whoever came first."""
    for path in modules():
        if path.name not in OWN_TASKS and path.name != "loops.py":
            text = path.read_text(encoding="utf-8")
            assert "create_task(" not in text, f"{path}: imsystem.loops.background"
            assert "ensure_future(" not in text, f"{path}: imsystem.loops.background"
