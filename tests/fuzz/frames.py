"""Coverage-guided fuzzing of the frame parser.

python -m tests.fuzz.frames [--seconds 60] [options of libFuzzer]

The exit code is 0 when nothing was found; otherwise libFuzzer prints the input and writes it to
var/crash-….
"""

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.no_database")
os.environ.setdefault("DEBUG", "on")
# msgspec is C and reports nothing about its branches. Those of the model guide the fuzzer.
with atheris.instrument_imports(include=["imsystem.realtime.commands", "tests.fuzz.model"]):
    import django

    django.setup()
    from imsystem.realtime import commands
    from imsystem.realtime.frames import error_frame
    from tests.fuzz import model

FINDINGS = Path("var")
MISSING = object()
SAMPLES = [
    "0123456789abcdef01234567",
    "$ne",
    "\x00",
    "\ud800",
    "x" * 65,
    None,
    True,
    1.5,
    2**53,
    -1,
]


def frame(data: bytes) -> None:
    """Runs one input, a text or a recipe for one: the parser and the model must agree on it."""
    recipe = data[:1] == b"\x01"
    text = built(data[1:]) if recipe else data[1:].decode("utf-8", "replace")
    said = verdict(text)
    try:
        value = model.strict_json(text)
    except (ValueError, RecursionError):
        assert said != "ok", "taken, but no JSON"
        return
    # Python's json is more generous in some places, and of a repeated key it sees the last value
    # only: then only a refusal is demanded.
    if said == "ok" or not (said == "bad_frame" or model.says_twice(text)):
        assert said == model.expected(value), (said, model.expected(value))


def verdict(text: str) -> str:
    try:
        commands.parse(text)
    except commands.Rejected as exc:
        refusal = exc
    else:
        return "ok"
    told = json.loads(error_frame(refusal.error, refusal.command_id))
    assert told.get("id") == refusal.command_id, told
    return str(refusal.error.code)


def built(data: bytes) -> str:
    """Returns a command in which anything may be wrong."""
    given = atheris.FuzzedDataProvider(data)
    kind = given.PickValueInList(sorted(model.COMMANDS))
    fields = {name: field(given, check) for name, (check, _) in model.COMMANDS[kind].items()}
    return json.dumps({"type": kind} | {key: it for key, it in fields.items() if it is not MISSING})


def field(given: Any, check: str) -> Any:
    which = given.ConsumeIntInRange(0, 7)
    if which == 0:
        return MISSING
    if which == 1:
        return value(given)
    return given.PickValueInList(model.EDGES[check]) if which == 2 else model.GOOD[check]


def value(given: Any, depth: int = 0) -> Any:
    which = given.ConsumeIntInRange(0, 5 if depth < 3 else 2)
    if which == 0:
        return given.ConsumeUnicode(70)
    if which == 1:
        return given.ConsumeInt(9)
    if which == 2:
        return given.PickValueInList(SAMPLES)
    if which == 3:
        return [value(given, depth + 1)]
    return {str(value(given, depth + 1)): value(given, depth + 1), "seq": value(given, depth + 1)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    options, others = parser.parse_known_args()
    FINDINGS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        corpus = Path(home) / "corpus"
        corpus.mkdir()
        for number, text in enumerate(model.EXAMPLES):
            (corpus / f"text{number}").write_bytes(b"\0" + text.encode())
            (corpus / f"recipe{number}").write_bytes(b"\1" + random.Random(number).randbytes(300))
        words = Path(home) / "words"
        words.write_text("".join(f'"{word}"\n' for word in [*model.FIELDS, *model.COMMANDS]))
        limits = [f"-max_total_time={options.seconds}", f"-dict={words}", "-max_len=2000"]
        limits += [f"-artifact_prefix={FINDINGS}/"]
        atheris.Setup([sys.argv[0], str(corpus), *limits, *others], frame)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
