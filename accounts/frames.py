"""The frames of users."""

from accounts.payloads import PublicUser
from imsystem.realtime.frames import Frame, outbound


@outbound
class UserUpdated(Frame, frozen=True, tag="user.updated"):
    """The profile of a user who shares a room with the receiver has changed, or the receiver's."""

    user: PublicUser
