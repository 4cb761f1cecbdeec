"""Finds the messages of a room that the hub has not heard of (imsystem/realtime/ordering.py).

Their process may have died between storing and announcing them, or the channel layer lost them.
"""

from chat.frames import MessageCreated
from chat.selectors import complete_range
from imsystem.realtime.events import Deliver
from imsystem.realtime.frames import encode
from imsystem.realtime.ordering import Pulled
from imsystem.realtime.topics import Scope, Topic, identity_in

# At once. A counter that has jumped leaves longer gaps.
WINDOW = 200


async def pull_gap(topic: Topic, after: int, up_to: int) -> Pulled:
    """Returns the messages after `after`, and how far they are complete. `up_to` + 1 is stored."""
    room = identity_in(topic, Scope.ROOM)
    if room is None:
        return Pulled((), up_to)
    upper = min(up_to, after + WINDOW)
    messages, final = await complete_range(room, after, upper, head=up_to + 1)
    created = (MessageCreated(room_identity=room, message=message) for message in messages)
    events = [Deliver(topic, encode(each), seq=each.message["seq"]) for each in created]
    return Pulled(events, final)
