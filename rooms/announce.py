"""Tells live sockets what has changed in a room, once it is stored. Only services call this."""

from collections.abc import Sequence

from accounts.models import User
from accounts.online import online_from_thread
from accounts.privacy import RECEIPT
from accounts.selectors import users_among
from imsystem.realtime.events import Changed, Deliver, Event, Join, Part, Reveal
from imsystem.realtime.frames import encode
from imsystem.realtime.publish import publish_from_thread
from imsystem.realtime.topics import Topic, room_topic, user_topic
from rooms.choices import Kind
from rooms.frames import (
    MemberRemoved,
    MemberUpdated,
    OwnershipOffered,
    RoomAdded,
    RoomRemoved,
    RoomUpdated,
)
from rooms.heads import Head
from rooms.models import Member, Room
from rooms.payloads import member_payload, room_payload, room_summary
from rooms.selectors import online_as_seen

# Why somebody is out of a room that goes on without them.
ONE_IS_OUT = {"left", "kicked", "banned"}


def joined(room: Room, members: Sequence[Member], head: Head) -> None:
    """Sends `room.added` to the new members' sockets and `member.updated` to the other members."""
    topic = room_topic(room.identity)
    events: list[Event] = [Changed(topic)]
    if len(members) == 1:
        events.append(_to_the_others(members[0]))
    for member in members:
        peer = _peer(room, member)
        online = online_as_seen(member.user, peer, online_from_thread([peer.pk] if peer else []))
        payload = room_payload(room, member, head, peer, online)
        events += [
            Join(user_topic(member.user_id), topic, head.last_seq, member.floor_seq),
            Deliver(user_topic(member.user_id), encode(RoomAdded(room=payload))),
        ]
    publish_from_thread(*events)


def _peer(room: Room, member: Member) -> User | None:
    if room.kind != Kind.DIRECT:
        return None
    other = Member.objects.filter(room_id=room.pk).exclude(user_id=member.user_id).values("user_id")
    return next(iter(users_among(row["user_id"] for row in other).values()), None)


def _member_frame(member: Member, *, receipts: bool) -> str:
    payload = member_payload(member, receipts=receipts)
    return encode(MemberUpdated(room_identity=member.room_id, member=payload))


def _to_the_others(member: Member) -> Deliver:
    """Returns `member.updated` for the others. Users with read receipts off get it without them."""
    topic, hidden = room_topic(member.room_id), _member_frame(member, receipts=False)
    if not member.user.read_receipts:
        return Deliver(topic, hidden, skip_user=member.user_id)
    shown = _member_frame(member, receipts=True)
    return Deliver(topic, shown, skip_user=member.user_id, category=RECEIPT, fallback=hidden)


def member_changed(member: Member) -> None:
    """Sends `member.updated` to the room: the member has a new role, or was muted or unmuted.

    The membership is read anew, as in `room_changed`.
    """
    publish_from_thread(Changed(room_topic(member.room_id)))
    now = Member.objects.filter(pk=member.pk).first()
    if now is None:  # gone meanwhile, which is told too
        return
    own = _member_frame(now, receipts=True)
    publish_from_thread(_to_the_others(now), Deliver(user_topic(now.user_id), own))


def offered(owner: Member, user_identity: str, *, offered: bool) -> None:
    """Sends `ownership.offered` to the sockets of the owner and of the user who may take the group
    over, or no longer may."""
    frame = encode(
        OwnershipOffered(room_identity=owner.room_id, user_identity=user_identity, offered=offered)
    )
    publish_from_thread(
        *(Deliver(user_topic(user), frame) for user in (owner.user_id, user_identity))
    )


def room_changed(room: Room) -> None:
    """Sends `room.updated` to the room, with what all members see alike.

    The room is read anew: of two changes at the same moment both tell of the later one, so no open
    page keeps what the other change has replaced.
    """
    topic = room_topic(room.identity)
    publish_from_thread(Changed(topic))
    now = Room.objects.filter(pk=room.identity).first()
    if now is not None:
        publish_from_thread(Deliver(topic, encode(RoomUpdated(room=room_summary(now)))))


def revealed(room_identity: str) -> None:
    """Tells the hubs that earlier messages are now for all members, late ones included."""
    topic = room_topic(room_identity)
    publish_from_thread(Changed(topic), Reveal(topic))


def deleted_by_one(room: Room, member: Member, head: Head) -> None:
    """Sends `room.removed` to the sockets of somebody who has deleted their side of a conversation.
    They stay in the room's topic: what is said from now on is for them."""
    topic, own = room_topic(room.identity), user_topic(member.user_id)
    frame = encode(RoomRemoved(room_identity=room.identity, reason="removed"))
    publish_from_thread(
        Changed(topic), Join(own, topic, head.last_seq, member.floor_seq), Deliver(own, frame)
    )


def removed(room_identity: str, user_identities: Sequence[str], reason: str) -> None:
    """Sends `room.removed` to the sockets of these users, which then leave the room's topic."""
    topic = room_topic(room_identity)
    update = encode(RoomRemoved(room_identity=room_identity, reason=reason))
    events: list[Event] = [Changed(topic)]
    for user_identity in user_identities:
        events += [
            Part(user_topic(user_identity), topic),
            Deliver(user_topic(user_identity), update),
        ]
    if reason in ONE_IS_OUT:
        events += [_gone(topic, room_identity, user, reason) for user in user_identities]
    publish_from_thread(*events)


def _gone(topic: Topic, room_identity: str, user_identity: str, reason: str) -> Deliver:
    """`member.removed` to those who stay."""
    frame = MemberRemoved(room_identity=room_identity, user_identity=user_identity, reason=reason)
    return Deliver(topic, encode(frame))
