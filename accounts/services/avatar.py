"""A user's own picture."""

from secrets import token_hex

from django.conf import settings

from accounts import announce
from accounts.models import Avatar, User
from accounts.pictures import square_webp
from imsystem.clock import now_ms
from imsystem.errors import NotAuthenticated
from imsystem.limits import Limit

# Reading a picture takes up to 2 s of a processor, so files that turn out to be no picture count
# too.
UPLOADS = Limit.at("avatars", settings.AVATARS_PER_USER)
# No upload takes so long: an older picture that is not in use was left behind by a crash.
ABANDONED_MS = 3_600_000


def set_avatar(*, user: User, data: bytes) -> User:
    """Makes an uploaded file the user's picture and deletes the one before.

    Raises BadRequest at `avatar` for anything but a picture, RateLimited for too many uploads.
    """
    UPLOADS.take(user.identity)
    picture = square_webp(data)
    # Random, not an ObjectId: anybody with the address can see a picture, and from one ObjectId the
    # next ones can be guessed.
    avatar = Avatar(pk=token_hex(12), user=user, data=picture)
    avatar.save(force_insert=True)
    return _put_in_force(user, avatar.identity)


def remove_avatar(*, user: User) -> User:
    """Removes the user's picture; their initial is shown instead."""
    return _put_in_force(user, "")


def _put_in_force(user: User, new: str) -> User:
    """Everybody sees the old picture or the new one, never none. Of two simultaneous uploads each
    deletes the one it replaced, so one remains."""
    active = User.objects.filter(pk=user.pk, is_active=True)
    while True:
        before = active.values_list("avatar", flat=True).first()
        if before is None:  # the account was deleted meanwhile
            Avatar.objects.filter(pk=new).delete()
            raise NotAuthenticated
        if active.filter(avatar=before).update(avatar=new, updated_at=now_ms()) == 1:
            break
    announce.profile_changed(user.pk)
    others = Avatar.objects.filter(user=user).exclude(pk=new)
    others.filter(pk=before).delete()
    others.filter(created_at__lt=now_ms() - ABANDONED_MS).delete()
    user.avatar = new
    return user
