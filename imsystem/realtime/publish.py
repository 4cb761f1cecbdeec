"""How services reach live sockets: from the loop through the hub, from threads with these
functions."""

import logging

from imsystem.errors import Unavailable
from imsystem.loops import run_on_loop
from imsystem.realtime import close_codes
from imsystem.realtime.events import Close, Event
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import session_topic

logger = logging.getLogger(__name__)


def publish_from_thread(*events: Event) -> None:
    """Publishes from synchronous code, after the change is stored. An outage only logs: the
    change stands, and clients find it by the next sweep or sync."""

    async def send() -> None:
        await current_hub().publish_and_flush(*events)

    try:
        run_on_loop(send())
    except Unavailable:
        logger.warning("an event for live sockets was not published")


def close_sockets(*session_identities: str) -> None:
    """Closes the sockets of these device sessions in every process, with 4401."""
    topics = map(session_topic, session_identities)
    publish_from_thread(*(Close(topic, close_codes.NOT_AUTHENTICATED) for topic in topics))
