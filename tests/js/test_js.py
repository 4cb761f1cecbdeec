"""The scripts of the pages: their unit tests in Node, their types, and which way they import."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRIPTS = ROOT / "static" / "js"
TSC = ROOT / ".venv" / "js" / "node_modules" / ".bin" / "tsc"
# Each folder may import from those before it, and from itself.
LAYERS = ["lib", "models", "views", "controllers"]
MODULES = sorted(path for layer in LAYERS for path in (SCRIPTS / layer).glob("*.js"))
# What only a page has. `lib` is pure; models know requests and sockets, but no page.
OF_A_PAGE = re.compile(r"\b(document|window|querySelector\w*|HTMLElement|location\.(?!href))\b")
OF_A_BROWSER = re.compile(r"\b(fetch\(|WebSocket|localStorage|setTimeout|setInterval)")


def node() -> str | None:
    """Node.js 20 or newer: the tests use its timers and its well-formed strings."""
    found = shutil.which("node")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    return found if int(version.stdout.strip("v\n").split(".")[0]) >= 20 else None


NODE = node()


@pytest.mark.skipif(NODE is None, reason="Node.js 20 is not installed")
def test_the_scripts_of_the_pages() -> None:
    files = sorted(map(str, HERE.glob("*.test.js")))
    ran = subprocess.run(["node", "--test", *files], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.skipif(NODE is None or not TSC.exists(), reason="make lint installs the type checker")
def test_types() -> None:
    ran = subprocess.run([str(TSC), "--project", str(ROOT)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def code(path: Path) -> str:
    """The script without comments."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    return re.sub(r"(^|\s)//.*", "", text)


def imported(path: Path) -> list[Path]:
    """The modules of ours that a script imports, in its code and in its types."""
    targets = re.findall(r"""(?:from |import\()"(\.[^"]+)\"""", path.read_text())
    return [(path.parent / target).resolve() for target in targets]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_scripts_import_downwards_only(path: Path) -> None:
    own = LAYERS.index(path.parent.name)
    for target in imported(path):
        assert target.exists(), target
        assert LAYERS.index(target.parent.name) <= own, target


def test_scripts_import_in_no_circles() -> None:
    def chain(path: Path, above: tuple[Path, ...]) -> None:
        assert path not in above, [step.name for step in (*above, path)]
        for target in imported(path):
            chain(target, (*above, path))

    for path in MODULES:
        chain(path.resolve(), ())


@pytest.mark.parametrize("layer", ["lib", "models"])
def test_rules_and_models_know_no_page(layer: str) -> None:
    for path in (SCRIPTS / layer).glob("*.js"):
        assert not OF_A_PAGE.search(code(path)), path
        if layer == "lib":
            assert not OF_A_BROWSER.search(code(path)), path


def test_events_and_requests_have_one_place() -> None:
    """Only models/api.js asks, and navigation, which fetches pages; models/events.js listens."""
    for path in MODULES:
        if path.name not in ("api.js", "navigation_controller.js"):
            assert "fetch(" not in code(path), path
        if path.name not in ("events.js",):
            assert not re.search(r'addEventListener\("(message|room|member|user)\.', code(path)), (
                path
            )


def test_lock_file_names_no_registry() -> None:
    assert "resolved" not in (ROOT / "package-lock.json").read_text()
