"""What is kept in memory follows the hub: changes, losses and illness of the channel layer."""

from collections.abc import Sequence

import pytest

from imsystem.realtime import followed as module
from imsystem.realtime.events import Changed
from imsystem.realtime.followed import Followed, followed
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import EVERYTHING, Scope


class Source:
    def __init__(self) -> None:
        self.value = 1
        self.reads = 0
        self.meanwhile: Changed | None = None

    async def read(self, keys: Sequence[str]) -> dict[str, int]:
        self.reads += 1
        found = {key: self.value for key in keys if key != "absent"}
        if self.meanwhile:
            current_hub().apply(self.meanwhile)
        return found


@pytest.fixture(autouse=True)
async def _a_healthy_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a machine so busy that the hub misses its beats."""
    monkeypatch.setattr(current_hub(), "healthy", True)


def kept_of(source: Source) -> Followed[str, int]:
    return followed(source.read, Scope.ROOM, Scope.PROFILE)()


async def test_what_was_read_is_kept() -> None:
    source = Source()
    kept = kept_of(source)
    assert await kept.get(["a", "b"]) == {"a": 1, "b": 1}
    source.value = 2
    assert await kept.get(["b", "a"]) == {"a": 1, "b": 1}
    assert await kept.get(["a", "c"]) == {"a": 1, "c": 2}
    assert source.reads == 2


async def test_what_is_not_there_is_asked_for_again() -> None:
    source = Source()
    kept = kept_of(source)
    assert await kept.get(["absent"]) == {}
    assert await kept.get(["absent"]) == {}
    assert source.reads == 2


@pytest.mark.parametrize("topic", ["room:a", "profile:a", EVERYTHING])
async def test_a_change_is_followed(topic: str) -> None:
    source = Source()
    kept = kept_of(source)
    await kept.get(["a"])
    source.value = 2
    current_hub().apply(Changed(topic))
    assert await kept.get(["a"]) == {"a": 2}


async def test_a_change_of_something_else_is_not() -> None:
    source = Source()
    kept = kept_of(source)
    await kept.get(["a"])
    current_hub().apply(Changed("room:b"))
    current_hub().apply(Changed("user:a"))
    await kept.get(["a"])
    assert source.reads == 1


async def test_what_changes_while_it_is_read_is_not_kept() -> None:
    source = Source()
    source.meanwhile = Changed("room:a")
    kept = kept_of(source)
    await kept.get(["a"])
    source.value, source.meanwhile = 2, None
    assert await kept.get(["a"]) == {"a": 2}


async def test_nothing_is_kept_while_the_layer_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    kept = kept_of(source)
    await kept.get(["a"])
    monkeypatch.setattr(current_hub(), "healthy", False)
    source.value = 2
    assert await kept.get(["a"]) == {"a": 2}
    assert await kept.get(["a"]) == {"a": 2}
    assert source.reads == 3


async def test_nothing_is_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    kept = kept_of(source)
    await kept.get(["a"])
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    await kept.get(["a"])
    assert source.reads == 2


async def test_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    source = Source()
    kept = kept_of(source)
    await kept.get(["a", "b", "c"])
    assert await kept.get(["b", "c"]) == {"b": 1, "c": 1}
    assert source.reads == 1
    await kept.get(["a"])
    assert source.reads == 2


async def test_a_change_drops_all_values_about_one_identity() -> None:
    async def read(keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return {key: key[1] for key in keys}

    def about(key: tuple[str, int]) -> str:
        return key[0]

    kept = followed(read, Scope.ROOM, about=about)()
    await kept.get([("a", 1), ("a", 2), ("b", 3)])
    current_hub().apply(Changed("room:a"))
    assert [kept.known(key) for key in (("a", 1), ("a", 2), ("b", 3))] == [None, None, 3]


async def test_whoever_read_before_a_change_can_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = kept_of(Source())
    before = kept.moment()
    assert not kept.changed_since("a", before)
    current_hub().apply(Changed("room:a"))
    assert kept.changed_since("a", before)
    assert not kept.changed_since("b", before)
    monkeypatch.setattr(current_hub(), "epoch", current_hub().epoch + 1)
    assert kept.changed_since("b", before)


async def test_what_was_read_elsewhere_is_kept_unless_it_has_changed_since() -> None:
    kept = kept_of(Source())
    moment = kept.moment()
    current_hub().apply(Changed("room:b"))
    kept.keep({"a": 7, "b": 8}, moment)
    assert (kept.known("a"), kept.known("b")) == (7, None)
