"""Imports go one way (docs/architecture.md): between the packages, inside imsystem and inside each
app. And a collection belongs to the app that declares its model."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).parents[1]
ORDER = ["imsystem", "accounts", "rooms", "chat"]
# Where everything is put together. Nothing imports these; Django finds them by the settings.
COMPOSITION = {"settings", "asgi", "urls"}
# Inside imsystem: each of these packages and modules may import from the sets before its own.
INSIDE_IMSYSTEM = [
    {"confusables"},
    {"admin", "admin_site", "client_limits", "clock", "encoding", "encryption", "env", "errors",
     "ids", "redis_url", "session_store", "sources", "text"},
    {"loops", "models"},
    {"mongo"},
    {"outage"},
    {"ops"},
    {"threads"},
    {"installation"},
    {"redis"},
    {"limits"},
    {"backup", "guesses", "realtime"},
    {"budgets"},
    {"http"},
    {"jobs", "templatetags"},
    {"mail"},
    {"embedded"},
    {"health"},
    {"apps", "management"},
    COMPOSITION,
]  # fmt: skip
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
     "revisions", "positions", "checkpoints", "inbox"},
    {"announce", "mails", "sessions", "services", "checkpoint", "snapshot", "account_deletion",
     "export", "presence", "backup"},
    {"api", "views", "pages", "forms", "serializers", "consumer", "handshake", "commands", "admin",
     "sweep", "checks", "ws_auth", "middleware", "authentication", "backends", "requests", "urls",
     "api_urls", "audited", "avatar_urls", "uploads", "compat", "templatetags",
     "confirmations", "known_callers"},
]  # fmt: skip


def modules() -> list[Path]:
    return [
        path
        for package in ORDER
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    ]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports at run time; what only the type checker sees does not count."""
    tree = parsed(path)
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


def is_composition(path: Path) -> bool:
    return path.parent == ROOT / "imsystem" and path.stem in COMPOSITION


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_import_downwards_only(path: Path) -> None:
    if is_composition(path):
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


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if path.is_relative_to(ROOT / "imsystem")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_imsystem_is_in_layers(path: Path) -> None:
    own = path.relative_to(ROOT).with_suffix("").parts[1]
    if own == "__init__":
        return
    level = layer_in(INSIDE_IMSYSTEM, own)
    for module in imports(path):
        package, _, rest = module.partition(".")
        other = rest.split(".")[0]
        if package == "imsystem" and other and other != own:
            assert layer_in(INSIDE_IMSYSTEM, other) < level, f"{path.name} imports {module}"


def layer_in(layers: list[set[str]], name: str) -> int:
    found = [number for number, layer in enumerate(layers) if name in layer]
    assert found, f"say in this test to which layer {name} belongs"
    return found[0]


def test_imsystem_does_not_name_the_apps() -> None:
    """Not by strings either, which import at run time or ask other apps' files."""
    named = re.compile(rf"({'|'.join(ORDER[1:])})[./]")
    for path in modules():
        if path.is_relative_to(ROOT / "imsystem") and not is_composition(path):
            assert [text for text in strings(path) if named.match(text)] == [], path


def test_no_imports_go_in_circles() -> None:
    """Counting those inside functions. `static_order` raises CycleError and names the circle."""
    names = {name_of(path) for path in modules()}
    graph = {name_of(path): needed(path, names) - {name_of(path)} for path in modules()}
    list(TopologicalSorter(graph).static_order())


def needed(path: Path, names: set[str]) -> set[str]:
    """The modules that a file imports. `from package import module` is the module alone."""
    found = set[str]()
    for each in imports(path):
        found.add(each if each in names else each.rpartition(".")[0])
    submodules = {each for each in found if each.rpartition(".")[0] in found}
    packages = {each.rpartition(".")[0] for each in submodules}
    return (found - packages) & names


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def strings(path: Path) -> list[str]:
    """Every string of a file that is not a docstring."""
    tree = parsed(path)
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in documents
    ]


# --- collections ----------------------------------------------------------------------------

# Names of collections that are also the names of fields, pages, or keys.
WORDS = {"avatar", "device_session", "job", "two_factor"}
# Read another collection from inside the database.
JOINS = {"$lookup", "$graphLookup", "$unionWith", "$out", "$merge"}
# Give a collection by its name; the first one is imsystem's own.
BY_NAME = {"collection", "get_collection"}


def our_collections() -> set[str]:
    """The collections of our apps, by the names that are theirs alone."""
    models = [model for model in apps.get_models() if model.__module__.split(".")[0] in ORDER]
    return {model._meta.db_table for model in models} - WORDS


def test_collections_are_named_by_their_models_only() -> None:
    names = our_collections()
    assert {"user_basic", "user_room", "room_basic", "message_basic"} <= names
    for path in modules():
        if path.stem != "models":
            assert names & set(strings(path)) == set(), path
        assert JOINS & set(strings(path)) == set(), path


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_collections_are_reached_through_models(path: Path) -> None:
    """A backup reads all there are, by their names; others ask for a model's (collection_of)."""
    own = path.relative_to(ROOT / "imsystem").parts[0] if is_imsystem(path) else ""
    if own in {"mongo", "backup"}:
        return
    for call in calls(path):
        if called(call) in BY_NAME:
            assert ast.unparse(call.args[0]).endswith("._meta.db_table"), ast.unparse(call)


def is_imsystem(path: Path) -> bool:
    return path.is_relative_to(ROOT / "imsystem")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_apps_read_and_write_their_own_collections_only(path: Path) -> None:
    """Of other apps' models they know the class; for documents they ask these apps' selectors and
    services."""
    theirs = {
        alias.asname or alias.name
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.endswith(".models")
        if node.module.split(".")[0] in ORDER and not shares_app(path, node.module)
        for alias in node.names
    }
    for call in calls(path):
        if called(call) in {"collection_of", "find_in"}:
            assert ast.unparse(call.args[0]) not in theirs, ast.unparse(call)
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager"}:
            assert ast.unparse(node.value) not in theirs, ast.unparse(node)


def shares_app(path: Path, models: str) -> bool:
    package = models.removesuffix(".models").replace(".", "/")
    return path.is_relative_to(ROOT / package)


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call) and node.args)


def called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    return ast.unparse(call.func).rpartition(".")[2]


# --- habits ---------------------------------------------------------------------------------


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
