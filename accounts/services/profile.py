"""What a person shows of themselves."""

from django.utils.translation import gettext_lazy as _

from accounts.models import Sex, User
from accounts.policies import valid_nickname
from imsystem.errors import BadRequest


def update_profile(*, user: User, nickname: str | None = None, sex: int | None = None) -> User:
    """Changes what is given (not None) of one's own profile."""
    if nickname is not None:
        user.nickname = valid_nickname(nickname)
    if sex is not None:
        if sex not in Sex.values:
            raise BadRequest(errors={"sex": [_("Use 0 (not said), 1 (male) or 2 (female).")]})
        user.sex = sex
    user.save(update_fields=["nickname", "sex"])
    return user
