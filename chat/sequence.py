"""Message numbers: 1, 2, 3… per room, from a counter in Redis that MongoDB guards.

Redis hands out numbers fast and for all processes; the unique index (room, seq) sees to it that a
counter that was lost or went back can never give one number to two messages.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

from chat.gaps import seal
from chat.models import Message
from imsystem.mongo.clients import collection_of
from imsystem.redis import async_redis, get_many, key, sync_redis
from rooms.checkpoints import checkpoint_of

# How far the search for the newest message looks ahead at once. A hole of so many unused numbers
# in a row would take as many messages lost between counter and insert, in one room, unmended.
WINDOW = 1_000
MAX_KNOWN_ROOMS = 100_000
SCANNED_AT_ONCE = 1_000

_RAISE_TO = """
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
"""
_GIVE_BACK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DECR', KEYS[1])
return 1
"""


def _key(room_identity: str) -> str:
    return key("seq", room_identity)


class SequenceAllocator:
    """The counters of all rooms as one process uses them."""

    def __init__(self) -> None:
        # The highest number this process knows to be taken. A counter at or below it is wrong,
        # and of a room not listed here we do not know whether its counter is.
        self._known: OrderedDict[str, int] = OrderedDict()

    async def allocate(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Reserves numbers: {room: how many} -> {room: the first of them}, in one round trip as
        long as the counters are known to be right.

        Raises redis.RedisError when Redis does not answer.
        """
        floors = {room: self._known.get(room, 0) for room in counts}
        floors |= await self._raised([room for room in counts if room not in self._known])
        firsts = await self._increment(counts)
        wrong = [room for room, first in firsts.items() if first <= floors[room]]
        if wrong:
            heads = await self._raised(wrong)
            # What the counter gave beyond the newest message would be holes that readers wait for.
            await seal(
                [
                    (room, seq)
                    for room in wrong
                    for seq in range(heads[room] + 1, firsts[room] + counts[room])
                ]
            )
            firsts |= await self._increment({room: counts[room] for room in wrong})
        for room, first in firsts.items():
            self._learn(room, first + counts[room] - 1)
        return firsts

    async def _raised(self, rooms: list[str]) -> dict[str, int]:
        """Sees to it that the counters are not behind MongoDB; returns the stored heads.

        Always before a number is taken: of a number that we have taken one cannot tell whether
        messages above it show a wrong counter or another process that was faster.
        """
        heads = await asyncio.gather(*(stored_head(room) for room in rooms))
        await asyncio.gather(*map(self.raise_to, rooms, heads))
        return dict(zip(rooms, heads, strict=True))

    async def _increment(self, counts: Mapping[str, int]) -> dict[str, int]:
        pipeline = async_redis().pipeline(transaction=False)
        for room, count in counts.items():
            pipeline.incrby(_key(room), count)
        totals = await pipeline.execute()
        return {
            room: total - count + 1
            for (room, count), total in zip(counts.items(), totals, strict=True)
        }

    async def raise_to(self, room: str, seq: int) -> None:
        """Sees to it that the room's counter is at least `seq`."""
        await async_redis().eval(_RAISE_TO, 1, _key(room), str(seq))

    async def give_back(self, room: str, seq: int) -> bool:
        """Returns a number that was not used; False if a later one has been handed out since."""
        given = bool(await async_redis().eval(_GIVE_BACK, 1, _key(room), str(seq)))
        if given:
            self._known[room] = seq - 1
        return given

    def doubt(self, room: str) -> None:
        """The counter gave a number that is taken: look at MongoDB before trusting it again."""
        self._known.pop(room, None)

    def _learn(self, room: str, seq: int) -> None:
        self._known[room] = seq
        self._known.move_to_end(room)
        if len(self._known) > MAX_KNOWN_ROOMS:
            self._known.popitem(last=False)


async def counters(room_identities: list[str]) -> dict[str, int]:
    """Where the counters stand, 0 for those that are lost: a hint for the search of heads."""
    if not room_identities:
        return {}
    values = await get_many([_key(room) for room in room_identities])
    return {room: int(value or 0) for room, value in zip(room_identities, values, strict=True)}


def forget_counters() -> None:
    """Removes all counters: after a restore they may be those of what was there before. One that
    is ahead of the messages would leave a gap; one that is missing is made from MongoDB."""
    redis = sync_redis()
    found = list(redis.scan_iter(_key("*"), count=SCANNED_AT_ONCE))
    for start in range(0, len(found), SCANNED_AT_ONCE):
        redis.delete(*found[start : start + SCANNED_AT_ONCE])


async def stored_head(room_identity: str) -> int:
    """The highest stored seq of a room, 0 when it has no message.

    Starts from the room's checkpoint and looks ahead window by window: closed ranges on one index
    are the only shape that is fast on every engine (a descending sort took 630 ms at 20,000
    messages on SecantusDB 0.7).
    """
    head = await checkpoint_of(room_identity)
    while True:
        found = (
            await collection_of(Message)
            .find(
                {"room_identity": room_identity, "seq": {"$gt": head, "$lte": head + WINDOW}},
                {"seq": 1},
            )
            .to_list()
        )
        if not found:
            return head
        head = max(row["seq"] for row in found)
