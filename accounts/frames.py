"""The frames of users."""

from accounts.payloads import PublicUser
from imsystem.realtime.frames import Frame, outbound


@outbound
class UserUpdated(Frame, frozen=True, tag="user.updated"):
    """The profile of a user has changed, who is the receiver or shares a room with the receiver."""

    user: PublicUser
