"""Topics are built and parsed in one place."""

from pathlib import Path

import pytest

from imsystem.realtime.topics import (
    EVERYTHING,
    Scope,
    identity_in,
    profile_topic,
    room_topic,
    session_topic,
    user_topic,
)

MADE = {
    Scope.ROOM: room_topic,
    Scope.USER: user_topic,
    Scope.SESSION: session_topic,
    Scope.PROFILE: profile_topic,
}
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("scope", Scope)
def test_a_topic_gives_its_identity_for_its_own_scope_only(scope: Scope) -> None:
    topic = MADE[scope]("a")
    assert topic == f"{scope}:a"
    assert {other: identity_in(topic, other) for other in Scope} == {
        other: "a" if other is scope else None for other in Scope
    }


@pytest.mark.parametrize("scope", Scope)
def test_everything_is_of_no_scope(scope: Scope) -> None:
    assert identity_in(EVERYTHING, scope) is None


def test_no_other_module_spells_topics() -> None:
    for package in ("imsystem", "accounts", "rooms", "chat"):
        for path in (ROOT / package).rglob("*.py"):
            if path.name == "topics.py":
                continue
            text = path.read_text(encoding="utf-8")
            for scope in Scope:
                assert f'"{scope}:' not in text, path
