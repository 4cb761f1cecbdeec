"""Tells live sockets what has changed in a profile, after it is stored. Only services call this."""

from accounts.frames import UserUpdated
from accounts.models import User
from accounts.payloads import public_user
from accounts.providers import topics_of
from imsystem.realtime.events import Changed, Deliver
from imsystem.realtime.frames import encode
from imsystem.realtime.publish import publish_from_thread
from imsystem.realtime.topics import profile_topic, user_topic

# A packet carries the frame once for each topic; this keeps packets below 64 KiB.
TOPICS_PER_PACKET = 100


def profile_changed(user_identity: str) -> None:
    """Sends `user.updated` to the user's own sockets and to all rooms that show them.

    The profile is read again: after two changes at the same moment, both events tell of the later
    one.
    """
    publish_from_thread(Changed(profile_topic(user_identity)))
    user = User.objects.filter(pk=user_identity).first()
    if user is None:
        return
    frame = encode(UserUpdated(user=public_user(user)))
    topics = [user_topic(user_identity), *topics_of(user_identity)]
    for start in range(0, len(topics), TOPICS_PER_PACKET):
        packet = topics[start : start + TOPICS_PER_PACKET]
        publish_from_thread(*(Deliver(topic, frame) for topic in packet))
