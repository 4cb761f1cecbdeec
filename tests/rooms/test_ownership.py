"""The ownership of a group is offered and accepted."""

from typing import Any

import pytest
from django.http import HttpResponse

from accounts.models import User
from accounts.services import delete_account
from chat import inbox
from imsystem.clock import now_ms
from rooms import selectors, services
from rooms.models import Member, Room
from rooms.services import ownership
from tests.api import NOT_FOUND, Api, forbidden, public
from tests.conftest import Cast, hand_over
from tests.pages.conftest import browser, text
from tests.rooms.bodies import member_body

NO_OFFER = forbidden("This group is not, or no longer, offered to you.")
OWNER_ONLY = forbidden("Only the owner can do this.")
OFFER_FIRST = forbidden("Transfer ownership to another member first, or delete the group.")


def path(cast: Cast, *parts: str) -> str:
    return "/".join(["rooms", cast.room.pk, *parts]) + "/"


def offer(cast: Cast, heir: User, by: User | None = None) -> Any:
    where = path(cast, "members", heir.pk)
    return Api(by or cast.owner).patch(where, {"role": "owner"})


def accept(cast: Cast, user: User) -> Any:
    return Api(user).post(path(cast, "ownership", "accept"))


def shown(response: HttpResponse) -> str:
    return response.content.decode()


def roles(cast: Cast) -> dict[str, str]:
    return dict(Member.objects.filter(room=cast.room).values_list("user_id", "role"))


# --- offers -----------------------------------------------------------------------------------


def test_an_offer_changes_nothing_before_it_is_accepted(cast: Cast) -> None:
    before = roles(cast)
    offered = offer(cast, cast.member)
    assert (offered.status_code, offered.json()) == (202, member_body(cast.room, cast.member))
    assert roles(cast) == before
    accepted = accept(cast, cast.member)
    assert (accepted.status_code, accepted.json()["role"]) == (200, "owner")
    assert roles(cast) == before | {cast.member.pk: "owner", cast.owner.pk: "admin"}
    assert accept(cast, cast.member).json() == NO_OFFER


def test_only_the_one_it_was_made_to_accepts(cast: Cast) -> None:
    offer(cast, cast.member)
    for user in (cast.owner, cast.admin, cast.muted):
        assert accept(cast, user).json() == NO_OFFER
    assert accept(cast, cast.outsider).json() == NOT_FOUND


def test_the_last_offer_counts(cast: Cast) -> None:
    offer(cast, cast.member)
    offer(cast, cast.admin)
    assert accept(cast, cast.member).json() == NO_OFFER
    assert accept(cast, cast.admin).status_code == 200


@pytest.mark.parametrize("who", ["owner", "member"])
def test_it_is_withdrawn_or_declined(cast: Cast, who: str) -> None:
    offer(cast, cast.member)
    assert Api(cast.admin).delete(path(cast, "ownership")).json() == NO_OFFER
    assert Api(getattr(cast, who)).delete(path(cast, "ownership")).status_code == 204
    assert accept(cast, cast.member).json() == NO_OFFER
    assert Api(cast.owner).delete(path(cast, "ownership")).status_code == 204


def test_it_is_shown_to_both_and_nobody_else(cast: Cast) -> None:
    offer(cast, cast.member)
    until = Member.objects.get(room=cast.room, user=cast.owner).offers_until
    shown = {"owner": public(cast.owner), "offered_to": public(cast.member), "offered_until": until}
    for user, expected in (
        (cast.owner, shown),
        (cast.member, shown),
        (cast.admin, {**shown, "offered_to": None, "offered_until": None}),
    ):
        answer = Api(user).get(path(cast, "ownership"))
        assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize("end", ["leaves", "is kicked", "is banned"])
def test_it_ends_when_they_are_out(cast: Cast, end: str) -> None:
    """Coming back does not bring it back."""
    offer(cast, cast.member)
    where = {"room_identity": cast.room.pk}
    {
        "leaves": lambda: services.leave(user=cast.member, **where),
        "is kicked": lambda: services.remove_member(
            user=cast.admin, peer_identity=cast.member.pk, **where
        ),
        "is banned": lambda: services.ban(user=cast.admin, peer_identity=cast.member.pk, **where),
    }[end]()
    services.lift_ban(user=cast.owner, peer_identity=cast.member.pk, **where)
    services.join(inbox=inbox, user=cast.member, number=cast.room.number)
    assert accept(cast, cast.member).json() == NO_OFFER


def test_it_ends_after_a_week(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(cast, cast.member)
    last = Member.objects.get(room=cast.room, user=cast.owner).offers_until
    assert last == pytest.approx(now_ms() + 7 * 86_400_000, abs=60_000)
    for module in (ownership, selectors):
        monkeypatch.setattr(module, "now_ms", lambda: last)
    assert accept(cast, cast.member).json() == NO_OFFER
    assert Api(cast.owner).get(path(cast, "ownership")).json()["offered_to"] is None
    assert not selectors.is_offered(cast.member, cast.room.pk)


def test_it_ends_with_the_ownership_of_who_made_it(cast: Cast) -> None:
    hand_over(cast.owner, cast.room, cast.admin)
    hand_over(cast.admin, cast.room, cast.owner)
    offer(cast, cast.member)
    Member.objects.filter(room=cast.room, user=cast.owner).update(role="admin")
    assert accept(cast, cast.member).json() == NO_OFFER


def test_who_is_deactivated_is_offered_nothing(cast: Cast) -> None:
    User.objects.filter(pk=cast.member.pk).update(is_active=False)
    assert offer(cast, cast.member).json() == forbidden("This person cannot become the owner.")


def test_a_new_owner_is_not_muted(cast: Cast) -> None:
    hand_over(cast.owner, cast.room, cast.muted)
    assert Member.objects.get(room=cast.room, user=cast.muted).muted_until == 0


def test_the_pages(cast: Cast) -> None:
    settings = f"/rooms/{cast.room.pk}/settings/"
    owner, heir = browser(cast.owner), browser(cast.member)
    owner.post(settings, {"action": "make_owner", "user_identity": cast.member.pk})
    assert "Withdraw the offer" in text(owner.get(settings))
    assert "Become the owner" in text(heir.get(settings))
    assert 'aria-live="polite"><span>The owner is offering you' in shown(
        heir.get(f"/chat/{cast.room.pk}/")
    )
    assert "hidden><span>The owner is offering you" in shown(owner.get(f"/chat/{cast.room.pk}/"))
    assert "Become the owner" not in text(browser(cast.admin).get(settings))
    heir.post(settings, {"action": "end_offer"})
    assert "Become the owner" not in text(heir.get(settings))
    owner.post(settings, {"action": "make_owner", "user_identity": cast.member.pk})
    heir.post(settings, {"action": "accept"})
    assert roles(cast)[cast.member.pk] == "owner"


# --- a process that dies on the way -----------------------------------------------------------


class DiedError(Exception):
    pass


def begun(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Member:
    """The owner's membership after the first of the three writes."""

    def die(_owner: Member) -> bool:
        raise DiedError

    offer(cast, cast.member)
    owner, heir = (
        Member.objects.get(room=cast.room, user=user) for user in (cast.owner, cast.member)
    )
    with monkeypatch.context() as patch:
        patch.setattr(ownership, "finish", die)
        with pytest.raises(DiedError):
            ownership._pass_on(owner, heir, asked=True)
    return Member.objects.get(pk=owner.pk)


def test_the_owners_next_step_completes_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(cast, monkeypatch)
    assert roles(cast)[cast.owner.pk] == "owner"
    before = roles(cast)
    assert Api(cast.owner).delete(f"rooms/{cast.room.pk}/").json() == OWNER_ONLY
    assert roles(cast) == before | {cast.member.pk: "owner", cast.owner.pk: "admin"}


def test_or_the_end_of_the_owners_account(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(cast, monkeypatch)
    delete_account(user=cast.owner)
    assert roles(cast)[cast.member.pk] == "owner"
    assert list(roles(cast).values()).count("owner") == 1


def test_the_owner_stays_it_when_the_heir_is_gone(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(cast, monkeypatch)
    services.leave(user=cast.member, room_identity=cast.room.pk)
    assert offer(cast, cast.admin).status_code == 202
    assert accept(cast, cast.admin).status_code == 200


def test_what_is_completed_late_changes_nothing(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was slow finds that the heir has passed the group on since."""
    owner = begun(cast, monkeypatch)
    assert ownership.finish(owner)
    hand_over(cast.member, cast.room, cast.admin)
    before = roles(cast)
    assert before[cast.admin.pk] == "owner"
    assert ownership.finish(owner)
    assert roles(cast) == before


# --- owners whom nobody asked -----------------------------------------------------------------


def test_who_inherits_a_group_may_leave_it(cast: Cast) -> None:
    """It passes on; the last one takes it along."""
    delete_account(user=cast.owner)
    assert roles(cast)[cast.admin.pk] == "owner"
    settings = browser(cast.admin).get(f"/rooms/{cast.room.pk}/settings/")
    assert "Leave group" in text(settings)
    Member.objects.filter(user=cast.member).update(created_at=1)
    assert Api(cast.admin).post(path(cast, "leave")).status_code == 204
    assert roles(cast) == {cast.member.pk: "owner", cast.muted.pk: "member"}
    services.leave(user=cast.member, room_identity=cast.room.pk)
    services.leave(user=cast.muted, room_identity=cast.room.pk)
    assert not Room.objects.exists()


def test_who_accepted_it_may_not(cast: Cast) -> None:
    delete_account(user=cast.owner)
    hand_over(cast.admin, cast.room, cast.member)
    assert Api(cast.member).post(path(cast, "leave")).json() == OFFER_FIRST
    assert Api(cast.admin).post(path(cast, "leave")).status_code == 204


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("open", "To come back, you need the group number."),
        ("invite", "Only the owner or an admin can add you again."),
    ],
)
def test_the_page_says_how_one_comes_back(cast: Cast, rule: str, expected: str) -> None:
    services.update_room(user=cast.owner, room_identity=cast.room.pk, join_rule=rule)
    page = browser(cast.member).get(f"/rooms/{cast.room.pk}/settings/?confirm=leave")
    assert expected in text(page)


def test_the_page_tells_an_heir_that_the_group_passes_on(cast: Cast) -> None:
    delete_account(user=cast.owner)
    page = browser(cast.admin).get(f"/rooms/{cast.room.pk}/settings/?confirm=leave")
    assert "Another member becomes the owner." in text(page)
