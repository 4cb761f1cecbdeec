"""Web workers that end are started again, with patience (imsystem/embedded/workers.py)."""

import socket
from typing import Any

import pytest

from imsystem.embedded import UpError
from imsystem.embedded.workers import MAX_QUICK_DEATHS, STEADY_S, Revival, Worker


class Process:
    """In place of a child: it runs, serves and ends when the test says so."""

    def __init__(self, number: int) -> None:
        self.name = f"web worker {number}"
        self.control, self._other = socket.socketpair()
        self.alive = True
        self.gone_on = self.ready = False

    def runs(self) -> bool:
        return self.alive

    def is_ready(self) -> bool:
        return self.ready

    def go(self) -> None:
        self.gone_on = True

    def obituary(self) -> str:
        self._other.close()
        return f"{self.name} was killed by SIGKILL."


class Scene:
    def __init__(self, workers: int) -> None:
        self.now = 0.0
        self.said: list[str] = []
        self.started: list[tuple[float, int]] = []
        children: Any = [Process(number) for number in range(1, workers + 1)]
        self.workers = [Worker(number, child) for number, child in enumerate(children, start=1)]
        for worker in self.workers:
            worker._since = 0.0
        self.revival = Revival(self.workers, self._start, self.said.append)

    def _start(self, number: int) -> Any:
        self.started.append((self.now, number))
        return Process(number)

    def process(self, number: int) -> Any:
        return self.workers[number - 1].child

    def dies(self, number: int) -> None:
        self.process(number).alive = False

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.5)):
            self.now += 0.5
            self.revival.look(self.now)

    def close(self) -> None:
        for worker in self.workers:
            child: Any = worker.child
            child.control.close()
            child._other.close()


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Any:
    made = Scene(getattr(request, "param", 2))
    yield made
    made.close()


def test_the_first_time_at_once(scene: Scene) -> None:
    scene.passes(60)
    scene.dies(2)
    scene.passes(0.5)
    assert scene.started == [(60.5, 2)]
    assert scene.process(2).gone_on
    scene.process(2).ready = True
    scene.passes(0.5)
    assert scene.said == [
        "web worker 2 was killed by SIGKILL. It is started again.",
        "web worker 2 serves again",
    ]


def test_longer_and_longer(scene: Scene) -> None:
    """While another one serves it is never given up."""
    for _ in range(9):
        scene.dies(2)
        while scene.process(2).alive is False:
            scene.passes(0.5)
    waits = [
        later - earlier
        for (earlier, _), (later, _) in zip(scene.started, scene.started[1:], strict=False)
    ]
    assert waits == [1.5, 2.5, 4.5, 8.5, 16.5, 30.5, 30.5, 30.5]


def test_a_steady_one_starts_anew(scene: Scene) -> None:
    for _ in range(3):
        scene.dies(1)
        scene.passes(10)
        scene.process(1).ready = True
        scene.passes(STEADY_S + 10)
    assert [number for _, number in scene.started] == [1, 1, 1]
    assert scene.workers[0].quick_deaths == 1


@pytest.mark.parametrize("scene", [1], indirect=True)
def test_the_only_one_is_given_up(scene: Scene) -> None:
    with pytest.raises(UpError) as given_up:
        _die_again_and_again(scene)
    assert str(given_up.value) == (
        "web worker 1 was killed by SIGKILL. It was the 5th time in a row."
    )
    assert len(scene.started) == MAX_QUICK_DEATHS - 1


def test_when_none_serves_all_are_given_up(scene: Scene) -> None:
    with pytest.raises(UpError):
        _die_again_and_again(scene)
    assert scene.now < 30


def _die_again_and_again(scene: Scene) -> None:
    while scene.now < 120:
        for worker in scene.workers:
            scene.dies(worker.number)
        scene.passes(0.5)
