"""Which due times are looked at next."""

import random

from imsystem.jobs.window import AGAIN_MS, LAG_MS, MANY, Window

NOW = 1_800_000_000_000


def look(window: Window, due: list[int], now: int) -> tuple[list[int], int]:
    """What is found at `now`, and the number of looks it took."""
    looks = 0
    again = True
    while again:
        looks += 1
        start, end = window.span(now)
        found = [time for time in due if start <= time <= end][: MANY + 1]
        again = window.looked(len(found), end, now)
    return found, looks


def test_the_first_look_reaches_from_the_beginning_to_now() -> None:
    found, looks = look(Window(), [NOW], NOW)
    assert (found, looks) == ([NOW], 15)


def test_an_idle_runner_looks_once_at_a_short_range() -> None:
    window = Window()
    look(window, [], NOW)
    look(window, [], NOW + 1)
    assert look(window, [], NOW + 2_000) == ([], 1)
    start, end = window.span(NOW + 4_000)
    assert end - start <= LAG_MS + 4_000


def test_late_arrivals_are_found() -> None:
    window = Window()
    look(window, [], NOW)
    look(window, [], NOW + 1)
    assert look(window, [NOW - LAG_MS + 2_000], NOW + 2_000)[0] == [NOW - LAG_MS + 2_000]


def test_what_lies_far_back_is_found_after_a_minute() -> None:
    window = Window()
    look(window, [], NOW)
    look(window, [], NOW + AGAIN_MS + 1)
    assert look(window, [5], NOW + AGAIN_MS + 2)[0] == [5]


def test_a_backlog_is_worked_off_oldest_first_in_small_looks() -> None:
    window = Window()
    due = sorted(random.Random(5).randrange(NOW - 3_600_000, NOW) for _ in range(20_000))
    rest, sizes, order, total = due, [], [], 0
    while rest:
        found, looks = look(window, rest, NOW)
        sizes.append(len(found))
        total += looks
        order += found
        rest = rest[len(found) :]
    assert order == due
    assert max(sizes) <= MANY + 1  # all of one millisecond
    assert total < 1_000  # looks at the database for 20,000 jobs
