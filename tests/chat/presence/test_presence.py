"""Who is online: told to the users one talks to, as far as one allows it, and never in the way of
messages."""

import pytest

from accounts import services as accounts
from accounts.models import User
from chat import inbox
from chat.presence import GRACE_S
from imsystem.threads import run_in_thread
from rooms import services
from tests.api import Api
from tests.chat.presence.watching import heard, later, set_privacy, watching
from tests.conftest import new_user

# --- coming and going -----------------------------------------------------------------------


async def test_the_other_side_is_told(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his:
        async with watching(alice) as hers:
            assert await heard(his) == [(alice.pk, True)]
            assert await heard(hers) == []
        await later(GRACE_S - 0.5)
        assert await heard(his) == []
        await later(GRACE_S + 0.5)
        assert await heard(his) == [(alice.pk, False)]
        await later(GRACE_S + 100)
        assert await heard(his) == []


async def test_who_reloads_a_page_was_never_away(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his:
        async with watching(alice):
            assert await heard(his) == [(alice.pk, True)]
        async with watching(alice):
            await later(GRACE_S + 0.5)
            assert await heard(his) == []


async def test_devices_count_together(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his, watching(alice):
        assert await heard(his) == [(alice.pk, True)]
        async with watching(alice) as laptop:
            assert await heard(laptop) == []
        await later(GRACE_S + 0.5)
        assert await heard(his) == []


async def test_groups_and_strangers_are_told_nothing(alice: User, bob: User) -> None:
    stranger = await run_in_thread(new_user, "stranger")
    await run_in_thread(services.create_group, creator=alice, name="Bar", members=[bob.pk])
    async with watching(bob) as his, watching(stranger) as theirs, watching(alice):
        await later(1)
        assert (await heard(his), await heard(theirs)) == ([], [])


# --- who may see it -------------------------------------------------------------------------


def shown_by_rest(user: User, room: str) -> tuple[bool | None, list[bool | None]]:
    api = Api(user)
    listed = api.get("rooms/").json()["results"]
    return api.get(f"rooms/{room}/").json()["online"], [found["online"] for found in listed]


@pytest.mark.parametrize("hers", ["everyone", "contacts", "nobody"])
@pytest.mark.parametrize("his", ["everyone", "contacts", "nobody"])
async def test_settings(alice: User, bob: User, room: str, hers: str, his: str) -> None:
    """Mutual: a user who hides from everybody sees nobody."""
    await set_privacy(alice, who_sees_online=hers)
    await set_privacy(bob, who_sees_online=his)
    seen = "nobody" not in (hers, his)
    async with watching(bob) as socket:
        (before,) = socket.ready["rooms"]
        assert before["online"] is (False if seen else None)
        async with watching(alice):
            assert await heard(socket) == ([(alice.pk, True)] if seen else [])
            detail, (listed,) = await run_in_thread(shown_by_rest, bob, room)
            assert (detail, listed) == ((True, True) if seen else (None, None))
            async with watching(bob) as late:
                assert late.ready["rooms"][0]["online"] is (True if seen else None)
        await later(GRACE_S + 0.5)
        assert await heard(socket) == ([(alice.pk, False)] if seen else [])


async def test_hiding_and_showing_while_online(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his, watching(alice) as hers:
        assert await heard(his) == [(alice.pk, True)]
        await set_privacy(alice, who_sees_online="nobody")
        assert await heard(his) == [(alice.pk, False)]
        assert await heard(hers) == [(bob.pk, False)]
        async with watching(bob):
            await later(GRACE_S + 0.5)
        assert await heard(hers) == []
        await set_privacy(alice, who_sees_online="contacts")
        assert await heard(his) == [(alice.pk, True)]
        assert await heard(hers) == [(bob.pk, True)]


async def test_hiding_between_two_pages(alice: User, bob: User, room: str) -> None:
    """The settings page has no socket, and the others still think that one is there."""
    async with watching(bob) as his:
        async with watching(alice):
            assert await heard(his) == [(alice.pk, True)]
        await set_privacy(alice, who_sees_online="nobody")
        assert await heard(his) == [(alice.pk, False)]
        async with watching(alice):
            assert await heard(his) == []
        await set_privacy(alice, who_sees_online="contacts")
        assert await heard(his) == [(alice.pk, True)]
        await later(GRACE_S + 0.5)
        assert await heard(his) == [(alice.pk, False)]
        await set_privacy(alice, who_sees_online="everyone")
        assert await heard(his) == []


async def test_who_goes_while_hiding_is_not_betrayed(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his:
        async with watching(alice):
            await set_privacy(alice, who_sees_online="nobody")
        assert await heard(his) == [(alice.pk, True), (alice.pk, False)]
        await later(GRACE_S + 0.5)
        assert await heard(his) == []


@pytest.mark.parametrize(
    ("setting", "by_stranger", "by_contact"),
    [("everyone", True, True), ("contacts", None, True), ("nobody", None, None)],
)
async def test_the_profile_says_it_to_whom_it_may(
    alice: User, bob: User, room: str, setting: str, by_stranger: bool, by_contact: bool
) -> None:
    stranger = await run_in_thread(new_user, "stranger")
    await set_privacy(alice, who_sees_online=setting)

    def seen_by(user: User) -> bool | None:
        found: bool | None = Api(user).get(f"users/{alice.pk}/").json()["online"]
        return found

    async with watching(alice):
        seen = [await run_in_thread(seen_by, user) for user in (stranger, bob, alice)]
        assert seen == [by_stranger, by_contact, True]
        await set_privacy(stranger, who_sees_online="nobody")
        assert await run_in_thread(seen_by, stranger) is None
    await later(GRACE_S + 0.5)
    assert await run_in_thread(seen_by, alice) is False


async def test_a_new_conversation_says_it(alice: User, bob: User) -> None:
    async with watching(bob), watching(alice) as hers:
        await run_in_thread(services.open_direct, inbox=inbox, user=alice, peer_identity=bob.pk)
        assert (await hers.hear_until("room.added"))["room"]["online"] is True


async def test_who_is_deleted_goes_offline(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his:
        async with watching(alice) as hers:
            assert await heard(his) == [(alice.pk, True)]
            await run_in_thread(accounts.delete_account, user=alice)
            assert await hers.close_code() == 4401
        await later(GRACE_S + 0.5)
        assert await heard(his) == [(alice.pk, False)]
