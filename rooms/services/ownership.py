"""Who owns a group: exactly one member, whatever happens at the same moment.

The owner offers the group to a member, who becomes its owner by accepting. Nobody else becomes one,
except when an owner's account is deleted: somebody inherits the group, and may leave it at once.

Ownership passes in three writes, each to one membership. The first says in the owner's membership
who is to follow (`passing_to`, `passing_at`): its condition is the lock, so of all who want to
follow at once one does. The second makes the heir the owner, once for each `passing_at`, which
grows from owner to owner. The third makes the former owner an admin. A process that dies in between
leaves the first behind, and the former owner's next step completes it (`finish`).

No transaction: on SecantusDB 0.7 a plain write that meets a document of an open transaction keeps
the whole collection waiting for 5 s, and members write into their memberships all the time.
"""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.selectors import active_user, active_users
from imsystem.clock import now_ms
from imsystem.errors import Forbidden
from rooms import announce, policies
from rooms.choices import Role
from rooms.models import Ban, Member, Room
from rooms.selectors import access_of, membership
from rooms.services.removal import forget_offer, remove

# An offer that nobody answers ends by itself.
OFFER_MS = 7 * 24 * 3_600_000
NO_OFFER = _("This group is not, or no longer, offered to you.")
NO_HEIR = _("This person cannot become the owner.")


def acting(user: User, room_identity: str) -> Member:
    """The membership with which a user acts on a room, after what it left half-way is completed.

    Raises NotFound for strangers and malformed identities.
    """
    member = membership(user, room_identity)
    if not member.passing_to:
        return member
    finish(member)
    return membership(user, room_identity)


def offer(owner: Member, heir: Member) -> None:
    """The owner offers the group to a member. Only the last offer counts.

    Raises Forbidden if the owner is no longer the owner, or the heir cannot sign in.
    """
    policies.require_own(access_of(owner))
    if active_user(heir.user_id) is None:
        raise Forbidden(NO_HEIR)
    now = now_ms()
    until = {"offers_to": heir.user_id, "offers_until": now + OFFER_MS, "updated_at": now}
    free = Member.objects.filter(pk=owner.pk, role=Role.OWNER, passing_to="")
    if free.update(**until) != 1:
        raise Forbidden(policies.OWNER_ONLY)
    if owner.offers_to not in ("", heir.user_id):
        announce.offered(owner, owner.offers_to, offered=False)
    announce.offered(owner, heir.user_id, offered=True)


def accept(*, user: User, room_identity: str) -> None:
    """The user takes over the group that was offered to them; its owner becomes an admin.

    Raises Forbidden without an offer that stands.
    """
    while True:
        member = acting(user, room_identity)
        policies.require_group(access_of(member))
        owner = _owner_who_offers(member)
        finish(owner)  # what another process may have left half-way
        if _pass_on(owner, member, asked=True):
            announce.offered(owner, user.pk, offered=False)
            return


def end_offer(*, user: User, room_identity: str) -> None:
    """The owner withdraws the offer, or the user it was made to declines it.

    Without an offer nothing changes for the owner; Forbidden for everybody else.
    """
    member = acting(user, room_identity)
    policies.require_group(access_of(member))
    owner = member if member.role == Role.OWNER else _owner_who_offers(member)
    if owner.offers_to:
        forget_offer(room_identity, owner.offers_to)


def _owner_who_offers(member: Member) -> Member:
    owner = Member.objects.filter(
        room_id=member.room_id,
        role=Role.OWNER,
        offers_to=member.user_id,
        offers_until__gt=now_ms(),
    ).first()
    if owner is None:
        raise Forbidden(NO_OFFER)
    return owner


def leave_as_owner(owner: Member) -> bool:
    """Takes the owner out of the group. It passes to the admin who has been in it for longest, or
    without admins to the member; with nobody else in it, it is deleted.

    Returns False if the owner is no longer the owner, or all others left at this moment.
    """
    if owner.passing_to:
        finish(owner)
        return False
    heirs = _succession(owner)
    if not heirs:
        Room.objects.filter(pk=owner.room_id).delete()
        Ban.objects.filter(room_identity=owner.room_id).delete()
        announce.removed(owner.room_id, [owner.user_id], "deleted")
        return True
    for heir in heirs:
        if _pass_on(owner, heir, asked=False):
            return remove(Member.objects.get(pk=owner.pk), "left")
    return False


def _succession(owner: Member) -> Sequence[Member]:
    """The others, in the order in which they follow. Who cannot sign in comes last."""
    others = list(Member.objects.filter(room_id=owner.room_id).exclude(pk=owner.pk))
    active = active_users(member.user_id for member in others)

    def place(member: Member) -> tuple[bool, int, int, str]:
        rank = -policies.RANK[Role(member.role)]
        return member.user_id not in active, rank, member.created_at, member.pk

    return sorted(others, key=place)


def _pass_on(owner: Member, heir: Member, *, asked: bool) -> bool:
    """Makes the heir the owner, and the owner an admin. An heir who was not `asked` may leave the
    group like any other member (`inherited`).

    Returns False, and changes nothing, if the owner is no longer the owner, offers the group to
    somebody else by now or passes it on already, or if the heir is gone.
    """
    at = max(now_ms(), owner.owner_since + 1)
    free = Member.objects.filter(pk=owner.pk, role=Role.OWNER, passing_to="")
    still = free.filter(offers_to=owner.offers_to)
    offers_to = heir.user_id if asked else ""
    if still.update(passing_to=heir.pk, passing_at=at, offers_to=offers_to) != 1:
        return False
    owner.passing_to, owner.passing_at, owner.offers_to = heir.pk, at, offers_to
    return finish(owner)


def finish(owner: Member) -> bool:
    """Completes the passing on that the owner's membership names, if it does; also one that another
    process has begun, which may have died.

    Returns False if the heir is gone: the owner stays the owner then.
    """
    if not owner.passing_to:
        return True
    now, heir = now_ms(), Member.objects.filter(pk=owner.passing_to).first()
    if heir is not None:
        takes = {"role": Role.OWNER, "owner_since": owner.passing_at, "updated_at": now}
        takes |= {"inherited": owner.offers_to != heir.user_id}
        takes |= {"muted_until": 0, "muted_at": max(now, heir.muted_at + 1)}
        # Not if this has happened before, and they have passed it on themselves by now.
        new = Member.objects.filter(pk=heir.pk, owner_since__lt=owner.passing_at)
        if not new.update(**takes) and not Member.objects.filter(pk=heir.pk).exists():
            heir = None  # gone at this moment
    done = {"passing_to": "", "updated_at": now}
    if heir is not None:
        done |= {"role": Role.ADMIN, "inherited": False, "offers_to": "", "offers_until": 0}
    same = {"passing_to": owner.passing_to, "passing_at": owner.passing_at}
    if Member.objects.filter(pk=owner.pk, **same).update(**done) and heir is not None:
        for changed in Member.objects.filter(pk__in=[owner.pk, heir.pk]).order_by("-role"):
            announce.member_changed(changed)
    return heir is not None
