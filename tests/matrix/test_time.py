"""Access that ends while it is in use: on open sockets, at every door, at the same moment."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import codes
from accounts import services as accounts
from accounts.models import User
from chat.compat.texts import NOT_SIGNED_IN
from imsystem.errors import Forbidden, NotFound
from imsystem.mongo.clients import collection
from imsystem.threads import run_in_thread
from rooms import services
from rooms.choices import Role
from rooms.models import Member
from tests.api import Api
from tests.conftest import Cast, make_cast, new_user
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


async def test_two_hand_overs_at_once_leave_one_owner() -> None:
    """To two users, and to the same one twice."""
    cast = await run_in_thread(make_cast)
    for repeat in range(REPEATS):
        people = await run_in_thread(members_of, cast)
        [owner] = [pk for pk, role in people.items() if role == Role.OWNER]
        heirs = [pk for pk in people if pk != owner]
        chosen = heirs[:2] if repeat % 2 else [heirs[0], heirs[0]]
        user = await run_in_thread(lambda pk=owner: User.objects.get(pk=pk))
        outcomes = await together(*(change(user, cast, peer, role=Role.OWNER) for peer in chosen))
        roles = list((await run_in_thread(members_of, cast)).values())
        assert roles.count(Role.OWNER) == 1, outcomes
        assert len([one for one in outcomes if isinstance(one, Member)]) >= 1
        assert {type(one) for one in outcomes} <= {Member, Forbidden}


def change(user: User, cast: Cast, peer: str, **changes: Any) -> Act:
    return lambda: services.change_member(
        user=user, room_identity=cast.room.pk, peer_identity=peer, **changes
    )


@pytest.mark.parametrize("meanwhile", ["mute", "kick", "leave"])
async def test_who_is_made_owner_stays_it(meanwhile: str) -> None:
    """A decision about a member is not carried out on an owner: a room always has one."""
    cast = await run_in_thread(make_cast)
    where, heir = {"room_identity": cast.room.pk}, cast.member
    other: Act = {
        "mute": change(cast.admin, cast, heir.pk, muted_until=2**50),
        "kick": lambda: services.remove_member(user=cast.admin, peer_identity=heir.pk, **where),
        "leave": lambda: services.leave(user=heir, **where),
    }[meanwhile]
    for _repeat in range(REPEATS):
        outcomes = await together(change(cast.owner, cast, heir.pk, role=Role.OWNER), other)
        people = await run_in_thread(members_of, cast)
        assert list(people.values()).count(Role.OWNER) == 1, outcomes
        assert {type(one) for one in outcomes} <= {Member, type(None), Forbidden, NotFound}
        if people.get(heir.pk) == Role.OWNER:
            await run_in_thread(change(heir, cast, cast.owner.pk, role=Role.OWNER))
            await run_in_thread(change(cast.owner, cast, heir.pk, role=Role.MEMBER))
        else:
            await run_in_thread(lambda: services.add_member(
                user=cast.owner, peer_identity=heir.pk, **where
            ))  # fmt: skip
        await run_in_thread(change(cast.owner, cast, heir.pk, muted_until=0))


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
