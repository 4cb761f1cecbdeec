"""Somebody who tries numbers, names or identities one after another soon gets no more answers."""

from typing import Any

import pytest

from accounts.models import User
from imsystem import guesses
from imsystem.env import Rate
from imsystem.ids import new_identity
from imsystem.limits import Limit
from rooms import services
from rooms.models import Member
from tests.api import Api
from tests.conftest import Cast, new_user
from tests.pages.conftest import browser
from tests.seed import Seed

FREE = 3


@pytest.fixture(autouse=True)
def _three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "MISSES", Limit.at("misses", Rate(FREE, 600)))
    monkeypatch.setattr(guesses, "MISSES_OF_SOURCE", Limit.at("of_source", Rate(2 * FREE, 600)))


def calls(cast: Cast) -> dict[str, tuple[Any, Any]]:
    """Each door, with one call that misses and one that would not."""
    there, none = cast.outsider.pk, new_identity
    return {
        "lookup": (lambda api: api.get("rooms/lookup/?number=99999999"),
                   lambda api: api.get(f"rooms/lookup/?number={cast.room.number}")),
        "join": (lambda api: api.post("rooms/join/", {"number": "99999999"}),
                 lambda api: api.post("rooms/join/", {"number": cast.room.number})),
        "identity": (lambda api: api.get(f"users/{none()}/"),
                     lambda api: api.get(f"users/{there}/")),
        "account": (lambda api: api.get(f"users/?account=a{none()[:8]}"),
                    lambda api: api.get(f"users/?account={cast.owner.account}")),
        "conversation": (lambda api: api.post("rooms/direct/", {"user_identity": none()}),
                         lambda api: api.post("rooms/direct/", {"user_identity": there})),
        "members": (lambda api: api.post("rooms/", {"name": "x", "members": [none()]}),
                    lambda api: api.post("rooms/", {"name": "x", "members": [there]})),
    }  # fmt: skip


@pytest.mark.parametrize(
    "door", ["lookup", "join", "identity", "account", "conversation", "members"]
)
def test_after_some_misses_nothing_is_answered(cast: Cast, door: str) -> None:
    """Misses and hits have to wait alike, so the wait tells nothing."""
    miss, hit = calls(cast)[door]
    guesser, other = Api(new_user("guesser")), Api(new_user("other"))
    hits = [hit(guesser).status_code for _ in range(2 * FREE)]
    assert set(hits) <= {200, 201}  # what exists may be requested as often as one likes
    assert {miss(guesser).status_code for _ in range(FREE)} <= {200, 400, 404}
    for call in (miss, hit):
        answer = call(guesser)
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 600
    assert hit(other).status_code in (200, 201)


def test_a_guesser_finds_no_number() -> None:
    """Of a hundred tries three are answered, whatever the numbers are."""
    owner, guesser = new_user("owner"), new_user("guesser")
    api, answers = Api(guesser), []
    for number in range(100):
        if number == 50:
            services.create_group(creator=owner, name="x")
        answers.append(api.post("rooms/join/", {"number": f"1000{number:04d}"}).status_code)
    assert (answers.count(404), answers.count(429)) == (FREE, 100 - FREE)
    assert not Member.objects.filter(user=guesser).exists()


def test_many_accounts_of_one_source_are_one_guesser(cast: Cast) -> None:
    answers = []
    for _account in range(5):
        api = Api(new_user("guesser"))
        answers += [api.get("rooms/lookup/?number=99999999").status_code for _try in range(FREE)]
    assert (answers.count(404), answers.count(429)) == (2 * FREE, 5 * FREE - 2 * FREE)


def test_a_source_is_a_network_of_ipv6() -> None:
    answers = []
    for number in range(1, 3 * FREE + 1):
        api = Api(new_user("guesser"))
        there = {"REMOTE_ADDR": f"2001:db8::{number:x}"}
        guess = api.client.get(
            "/api/v1/rooms/lookup/?number=99999999", headers=api.headers, **there
        )
        answers.append(guess.status_code)
    assert (answers.count(404), answers.count(429)) == (2 * FREE, FREE)


@pytest.mark.parametrize("door", ["/rooms/join/?number=99999999", "/rooms/direct/"])
def test_the_pages(door: str) -> None:
    page = browser(new_user("guesser"))

    def guess() -> Any:
        return page.get(door) if "?" in door else page.post(door, {"account": "nobody-at-all"})

    assert [guess().status_code for _ in range(FREE)] == [200] * FREE
    refused = guess()
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1


def test_the_page_of_a_group(cast: Cast) -> None:
    page = browser(cast.owner)
    form = {"action": "add", "account": "nobody-at-all"}
    answers = [page.post(f"/rooms/{cast.room.pk}/settings/", form) for _ in range(FREE + 1)]
    assert [answer.status_code for answer in answers] == [302] * FREE + [429]


def test_the_routes_of_the_original() -> None:
    guesser = new_user("guesser")
    seed = Seed(guesser)
    told = [seed.get("/u/user/query?account=nobody-at-all")["msg"] for _ in range(FREE + 1)]
    assert told[:FREE] == ["数据查询异常"] * FREE
    assert told[FREE].startswith("操作过于频繁")


def test_bans_tell_no_identities(cast: Cast) -> None:
    api: Api = Api(cast.owner)
    answers = [
        api.call("PUT", f"rooms/{cast.room.pk}/bans/{new_identity()}/", {}).status_code
        for _ in range(FREE + 1)
    ]
    assert answers == [404] * FREE + [429]


def test_no_limit(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "MISSES", Limit.at("misses", Rate(0, 1)))
    user: User = cast.member
    answers = [Api(user).get(f"users/{new_identity()}/").status_code for _ in range(2 * FREE)]
    assert answers == [404] * (2 * FREE)
