"""Access that ends while it is in use: on open sockets, at every door, at the same moment."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import codes
from accounts import services as accounts
from accounts.models import User
from chat import inbox
from chat.compat.texts import NOT_SIGNED_IN
from imsystem.errors import Forbidden, NotFound
from imsystem.mongo.clients import collection
from imsystem.threads import run_in_thread
from rooms import services
from rooms.choices import Role
from rooms.models import Member
from tests.api import Api
from tests.conftest import Cast, hand_over, make_cast, new_user
from tests.pages.conftest import browser
from tests.seed import Seed, no
from tests.sockets import communicator_of, open_socket

REPEATS = 20
Act = Callable[[], Any]

# --- who may not be here any more ---------------------------------------------------------------


def _deactivate(user: User) -> None:
    """Does what the form of the admin does (tests/accounts/test_admin.py)."""
    root = new_user("root")
    User.objects.filter(pk=root.pk).update(is_staff=True, is_superuser=True)
    root.refresh_from_db()
    form = {"account": user.account, "email": user.email, "nickname": "x", "sex": "0"}
    answer = browser(root).post(f"/admin/accounts/user/{user.pk}/change/", form)
    assert answer.status_code == 302


def _delete(user: User) -> None:
    accounts.delete_account(user=user)


def _sign_out_everywhere(user: User) -> None:
    accounts.revoke_all(user=user)


def _reset_the_password(user: User) -> None:
    code = codes.issue(purpose=codes.Purpose.RESET, email=user.email)
    accounts.reset_password(email=user.email, code=code, password="another horse battery")


def keys_of(user: User) -> tuple[Api, Client, Seed, str]:
    """Everything that opens a door: tokens, a cookie, a token of the original, a ticket."""
    api = Api(user)
    page = browser(user)
    page.get("/chat/")  # its device session is created by the first page
    return api, page, Seed(user), api.post("auth/ticket/").json()["ticket"]


def doors_closed(api: Api, page: Client, seed: Seed) -> None:
    assert api.get("users/me/").status_code == 401
    assert api.post("auth/refresh/", {"refresh": api.refresh}).status_code == 401
    assert api.post("auth/ticket/").status_code == 401
    assert page.get("/chat/")["Location"].startswith("/accounts/login/")
    assert seed.get("/u/user/detail") == no(NOT_SIGNED_IN)


@pytest.mark.parametrize("end", [_deactivate, _delete, _sign_out_everywhere, _reset_the_password])
async def test_the_end_of_access_is_one_at_every_door(end: Callable[[User], None]) -> None:
    cast = await run_in_thread(make_cast)
    api, page, seed, ticket = await run_in_thread(keys_of, cast.member)
    bearer = api.headers["Authorization"].removeprefix("Bearer ")
    async with open_socket(communicator_of(bearer)) as socket:
        assert (await socket.ask("ping"))["type"] == "ack"
        await run_in_thread(end, cast.member)
        await socket.say(
            type="message.send", id="1", room_identity=cast.room.pk, client_id="late", data="x"
        )
        await socket.say(type="auth.renew", id="2", token=bearer)
        assert await socket.close_code() == 4401
    assert await collection("message_basic").count_documents({"client_id": "late"}) == 0
    await run_in_thread(doors_closed, api, page, seed)
    for late in (communicator_of(query=f"ticket={ticket}"), communicator_of(bearer)):
        await late.connect()
        assert await late.receive_output(5) == {"type": "websocket.close", "code": 4401}
        await late.wait()


# --- two requests across the change --------------------------------------------------------------


async def together(*acts: Act) -> list[Any]:
    """Runs all at once and returns the results, or the errors of those that were refused."""
    return await asyncio.gather(*(run_in_thread(act) for act in acts), return_exceptions=True)


def members_of(cast: Cast) -> dict[str, str]:
    return dict(Member.objects.filter(room_id=cast.room.pk).values_list("user_id", "role"))


def call(api: Api, method: str, path: str, body: Any = None) -> Act:
    return lambda: api.call(method, path, body).status_code


async def test_what_is_sent_during_a_kick_is_stored_or_refused() -> None:
    """And afterwards nothing is let in: neither by request nor by socket."""
    cast = await run_in_thread(make_cast)
    owner, member = await run_in_thread(lambda: (Api(cast.owner), Api(cast.member)))
    path, sent = f"rooms/{cast.room.pk}/", {200, 201}
    for repeat in range(REPEATS):
        body = {"client_id": f"during-{repeat}", "data": "x"}
        said, kicked = await together(
            call(member, "POST", f"{path}messages/", body),
            call(owner, "DELETE", f"{path}members/{cast.member.pk}/"),
        )
        assert kicked == 204
        assert said in {*sent, 404}
        stored = await collection("message_basic").count_documents({"client_id": body["client_id"]})
        assert stored == (said in sent)
        late = call(member, "POST", f"{path}messages/", {"client_id": f"l-{repeat}", "data": "x"})
        assert await run_in_thread(late) == 404
        add = {"user_identity": cast.member.pk}
        assert await run_in_thread(call(owner, "POST", f"{path}members/", add)) in sent


async def test_an_admin_demoted_while_kicking_has_kicked_or_has_not() -> None:
    cast = await run_in_thread(make_cast)
    owner, admin = await run_in_thread(lambda: (Api(cast.owner), Api(cast.admin)))
    path = f"rooms/{cast.room.pk}/members/"
    for _repeat in range(REPEATS):
        kicked, demoted = await together(
            call(admin, "DELETE", f"{path}{cast.muted.pk}/"),
            call(owner, "PATCH", f"{path}{cast.admin.pk}/", {"role": "member"}),
        )
        now = await run_in_thread(members_of, cast)
        assert demoted == 200
        assert kicked in {204, 403}
        assert (cast.muted.pk in now) == (kicked == 403)
        assert now[cast.admin.pk] == Role.MEMBER
        again = call(admin, "DELETE", f"{path}{cast.muted.pk}/")
        assert await run_in_thread(again) in ({403} if kicked == 403 else {403, 404})
        restore = call(owner, "PATCH", f"{path}{cast.admin.pk}/", {"role": "admin"})
        assert await run_in_thread(restore) == 200
        if kicked == 204:
            add = {"user_identity": cast.muted.pk}
            assert await run_in_thread(call(owner, "POST", path, add)) in (200, 201)


def accept(user: User, cast: Cast) -> Act:
    return lambda: services.accept_ownership(user=user, room_identity=cast.room.pk)


def owners_of(cast: Cast) -> list[str]:
    return [pk for pk, role in members_of(cast).items() if role == Role.OWNER]


@pytest.mark.parametrize("chosen", ["two people", "one person, twice"])
async def test_two_hand_overs_at_once_leave_one_owner(chosen: str) -> None:
    """Whatever is offered and accepted at the same moment."""
    cast = await run_in_thread(make_cast)
    everybody = {user.pk: user for user in (cast.owner, cast.admin, cast.member)}
    for _repeat in range(REPEATS):
        [owner] = await run_in_thread(owners_of, cast)
        one, two = (user for pk, user in everybody.items() if pk != owner)
        if chosen != "two people":
            two = one
        offers = [change(everybody[owner], cast, heir.pk, role=Role.OWNER) for heir in (one, two)]
        await run_in_thread(offers[0])
        outcomes = await together(offers[1], accept(one, cast), accept(two, cast))
        assert len(await run_in_thread(owners_of, cast)) == 1, outcomes
        assert {type(outcome) for outcome in outcomes} <= {Member, type(None), Forbidden}


HEIRS = 20


def crowd() -> tuple[Cast, list[User]]:
    """A group with twenty members beside its cast."""
    cast, crowd = make_cast(), [new_user(f"member{n}") for n in range(HEIRS)]
    for user in crowd:
        Member(room=cast.room, user=user).save(force_insert=True)
    return cast, crowd


async def test_forty_hand_overs_at_once_leave_one_owner() -> None:
    """The owner offers the group to twenty members and each of them tries to accept it; every
    fourth time the owner's account is deleted meanwhile."""
    cast, users = await run_in_thread(crowd)
    cast_of_it = (cast.owner, cast.admin, cast.member, cast.muted)
    everybody = {user.pk: user for user in (*cast_of_it, *users)}
    for repeat in range(REPEATS):
        [pk] = await run_in_thread(owners_of, cast)
        owner = everybody[pk]
        others = [user for user in users if user.pk != pk]
        acts: list[Act] = []
        for heir in others:
            acts += [change(owner, cast, heir.pk, role=Role.OWNER), accept(heir, cast)]
        if repeat % 4 == 3:
            acts.append(lambda owner=owner: accounts.delete_account(user=owner))
            users.remove(owner) if owner in users else None
        outcomes = await together(*acts)
        owners = await run_in_thread(owners_of, cast)
        assert len(owners) == 1, outcomes
        kinds = {type(outcome) for outcome in outcomes}
        assert kinds <= {Member, type(None), Forbidden, NotFound}, kinds


async def test_an_offer_is_withdrawn_or_accepted() -> None:
    cast = await run_in_thread(make_cast)
    for _repeat in range(REPEATS):
        await run_in_thread(change(cast.owner, cast, cast.member.pk, role=Role.OWNER))
        outcomes = await together(
            accept(cast.member, cast),
            lambda: services.end_offer(user=cast.owner, room_identity=cast.room.pk),
        )
        accepted = outcomes[0] is None
        owner = cast.member if accepted else cast.owner
        assert await run_in_thread(owners_of, cast) == [owner.pk], outcomes
        if accepted:
            await run_in_thread(hand_over, cast.member, cast.room, cast.owner)
            await run_in_thread(change(cast.owner, cast, cast.member.pk, role=Role.MEMBER))


async def test_owners_who_delete_their_accounts_while_they_hand_over() -> None:
    """The owner, the heir, or both leave for good at the moment of the hand-over."""
    for repeat in range(REPEATS):
        cast = await run_in_thread(make_cast)
        await run_in_thread(change(cast.owner, cast, cast.member.pk, role=Role.OWNER))
        leavers = [[cast.owner], [cast.member], [cast.owner, cast.member]][repeat % 3]
        acts = [lambda user=user: accounts.delete_account(user=user) for user in leavers]
        outcomes = await together(accept(cast.member, cast), *acts)
        assert outcomes[1:] == [None] * len(acts)
        owners = await run_in_thread(owners_of, cast)
        assert len(owners) == 1, outcomes
        assert not {user.pk for user in leavers} & (await run_in_thread(members_of, cast)).keys()


def change(user: User, cast: Cast, peer: str, **changes: Any) -> Act:
    return lambda: services.change_member(
        user=user, room_identity=cast.room.pk, peer_identity=peer, **changes
    )


@pytest.mark.parametrize("meanwhile", ["mute", "kick", "ban", "leave", "promote"])
async def test_who_is_made_owner_stays_it(meanwhile: str) -> None:
    """A decision about a member is not carried out on an owner: a room always has one."""
    cast = await run_in_thread(make_cast)
    where, heir = {"room_identity": cast.room.pk}, cast.member
    other: Act = {
        "mute": change(cast.admin, cast, heir.pk, muted_until=2**50),
        "kick": lambda: services.remove_member(user=cast.admin, peer_identity=heir.pk, **where),
        "ban": lambda: services.ban(user=cast.admin, peer_identity=heir.pk, **where),
        "leave": lambda: services.leave(user=heir, **where),
        "promote": change(cast.owner, cast, heir.pk, role=Role.ADMIN),
    }[meanwhile]
    for _repeat in range(REPEATS):
        await run_in_thread(change(cast.owner, cast, heir.pk, role=Role.OWNER))
        outcomes = await together(accept(heir, cast), other)
        people = await run_in_thread(members_of, cast)
        assert list(people.values()).count(Role.OWNER) == 1, outcomes
        assert {type(one) for one in outcomes} <= {Member, type(None), Forbidden, NotFound}, (
            outcomes
        )
        if people.get(heir.pk) == Role.OWNER:
            await run_in_thread(hand_over, heir, cast.room, cast.owner)
            await run_in_thread(change(cast.owner, cast, heir.pk, role=Role.MEMBER))
        else:
            await run_in_thread(lambda: services.lift_ban(
                user=cast.owner, peer_identity=heir.pk, **where
            ))  # fmt: skip
            await run_in_thread(lambda: services.add_member(inbox=inbox,
                user=cast.owner, peer_identity=heir.pk, **where
            ))  # fmt: skip
        reset = {"role": Role.MEMBER, "muted_until": 0}
        await run_in_thread(change(cast.owner, cast, heir.pk, **reset))


async def test_a_revoked_device_buys_no_new_tokens_in_the_same_moment() -> None:
    """Whatever a refresh or a ticket won is worth nothing after the end of the session."""
    cast = await run_in_thread(make_cast)
    for _repeat in range(REPEATS):
        api = await run_in_thread(Api, cast.member)
        refresh = {"refresh": api.refresh}
        got, _ended = await together(
            lambda api=api, body=refresh: api.post("auth/refresh/", body),
            lambda: accounts.revoke_all(user=cast.member),
        )
        if got.status_code == 200:
            fresh = Api(Authorization=f"Bearer {got.json()['access']}")
            assert await run_in_thread(lambda f=fresh: f.get("users/me/").status_code) == 401
            again = {"refresh": got.json()["refresh"]}
            late = await run_in_thread(lambda a=api, b=again: a.post("auth/refresh/", b))
            assert late.status_code == 401
        else:
            assert got.status_code == 401
