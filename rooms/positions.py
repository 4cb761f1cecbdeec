"""How far members have read."""

from imsystem.clock import now_ms
from imsystem.errors import NotFound
from imsystem.mongo.clients import collection_of
from rooms.models import Member


async def advance_position(
    user_identity: str, room_identity: str, seq: int, message_identity: str | None
) -> tuple[int, bool]:
    """Moves a member's read position forward to a seq and its message (None if that is none).

    Returns where the position is now, and whether it moved: it never moves back. Raises NotFound
    for strangers.
    """
    members = collection_of(Member)
    mine = {"room_identity": room_identity, "user_identity": user_identity}
    fields: dict[str, str | int] = {"read_seq": seq, "updated_at": now_ms()}
    if message_identity is not None:
        fields["message_identity"] = message_identity
    moved = await members.update_one({**mine, "read_seq": {"$lt": seq}}, {"$set": fields})
    if moved.modified_count == 1:
        return seq, True
    row = await members.find_one(mine, {"read_seq": 1})
    if row is None:
        raise NotFound
    return int(row["read_seq"]), False
