"""Changes of an account by an administrator, and the rule that one administrator always stays."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.utils.translation import gettext_lazy as _
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from accounts import announce, mails
from accounts.models import User
from accounts.policies import STANDING, fixed_fields
from accounts.services.devices import revoke_all
from accounts.services.registration import taken
from imsystem.clock import now_ms
from imsystem.errors import Forbidden
from imsystem.loops import run_on_loop
from imsystem.mongo.clients import Document, collection_of, mongo_client
from imsystem.mongo.retry import retry_when_overtaken

# A superuser without `is_staff` cannot open the admin, and so could help nobody.
ADMINISTRATOR: Document = {"is_superuser": True, "is_staff": True, "is_active": True}
ONLY_ADMINISTRATOR = _("This is the only administrator. Make someone else an administrator first.")


def change_account(*, actor: User, user: User, **changes: Any) -> User:
    """Stores what `actor` changes of a user's account in the admin, and returns the user as stored.
    Values are canonical and checked; unchanged values do not count.

    The old address is told of a new one; a deactivated user is signed out everywhere. Raises
    Forbidden for what `actor` may not change and for the last administrator, BadRequest when
    another user has the name or the address.
    """
    user = User.objects.get(pk=user.pk)
    changes = {name: value for name, value in changes.items() if getattr(user, name) != value}
    if not changes:
        return user
    if not changes.keys().isdisjoint(fixed_fields(actor, user)):
        raise Forbidden
    _store_as_judged(actor, user, changes)
    changed = User.objects.get(pk=user.pk)
    if changed.email != user.email:
        mails.send_email_changed(changed, old=user.email)
    if not changed.is_active:
        revoke_all(user=changed)
    announce.profile_changed(user.pk)
    return changed


def _store_as_judged(actor: User, user: User, changes: dict[str, Any]) -> None:
    """Stores the changes unless the rights of either have changed since they were checked."""
    judged = {name: getattr(user, name) for name in STANDING}
    if not store_standing(user.pk, changes, judged=judged, actor=actor):
        raise Forbidden(_("Someone else has just changed this account. Please check it again."))


def store_standing(
    identity: str, changes: dict[str, Any], *, judged: Document, actor: User | None = None
) -> bool:
    """Stores changes of a user whose document still holds `judged`; False when it does not.

    Raises Forbidden when no superuser who can open the admin would be left, and when `actor` has
    lost the rights they came with; BadRequest for a name or an address that another user has.
    """
    condition = {"_id": identity, "deleted_at": None, **judged}
    fields = {**changes, "updated_at": now_ms()}
    takes_away = any(changes.get(name) is False for name in STANDING)

    async def store(session: AsyncClientSession) -> bool:
        await _check_actor(session, actor)
        administrators = await _count_administrators(session) if takes_away else 0
        found = await collection_of(User).find_one_and_update(
            condition, {"$set": fields}, session=session
        )
        if found is not None and takes_away and _was_the_last(found, administrators):
            raise Forbidden(ONLY_ADMINISTRATOR)
        return found is not None

    try:
        return run_on_loop(_in_one_transaction(store))
    except DuplicateKeyError:
        raise taken(str(changes.get("account", ""))) from None


def is_last_administrator(user: User) -> bool:
    """Returns whether nobody else can open the admin as a superuser. It is for telling people
    early; `store_standing` is what keeps the last one."""
    return (
        user.is_superuser and not User.objects.filter(**ADMINISTRATOR).exclude(pk=user.pk).exists()
    )


def _was_the_last(before: Document, administrators: int) -> bool:
    """Returns whether a user who was an active superuser leaves no administrator behind."""
    administers = all(before[name] for name in ADMINISTRATOR)
    return bool(before["is_active"] and before["is_superuser"]) and administrators <= administers


async def _check_actor(session: AsyncClientSession, actor: User | None) -> None:
    if actor is None:
        return
    same = {"_id": actor.pk, "is_active": True, "is_superuser": actor.is_superuser}
    if await collection_of(User).find_one(same, {"_id": 1}, session=session) is None:
        raise Forbidden


async def _count_administrators(session: AsyncClientSession) -> int:
    """Returns how many administrators there are.

    Each is written to, so that of two transactions that count at once one meets a conflict and
    counts again: a count alone would let two administrators go at the same moment.
    """
    touch = {"$inc": {"updated_at": 1}}
    written = await collection_of(User).update_many(ADMINISTRATOR, touch, session=session)
    return written.matched_count


async def _in_one_transaction(store: Callable[[AsyncClientSession], Awaitable[bool]]) -> bool:
    async def attempt() -> bool:
        async with mongo_client().start_session() as session:
            return bool(await session.with_transaction(store))

    return await retry_when_overtaken(attempt)
