"""What users show of themselves, and to whom."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts import announce
from accounts.choices import Audience
from accounts.models import Sex, User
from accounts.policies import valid_language, valid_nickname
from imsystem.clock import now_ms
from imsystem.errors import BadRequest, NotAuthenticated
from imsystem.realtime.events import Changed
from imsystem.realtime.publish import publish_from_thread
from imsystem.realtime.topics import user_topic


def update_profile(
    *,
    user: User,
    nickname: str | None = None,
    sex: int | None = None,
    who_may_add: str | None = None,
    who_sees_online: str | None = None,
    read_receipts: bool | None = None,
    language: str | None = None,
) -> User:
    """Changes the given fields (not None) of the user's own profile and privacy settings."""
    changes: dict[str, Any] = {}
    if nickname is not None:
        changes["nickname"] = valid_nickname(nickname)
    if sex is not None:
        changes["sex"] = _valid_sex(sex)
    if language is not None:
        changes["language"] = valid_language(language)
    privacy = _privacy_changes(who_may_add, who_sees_online, read_receipts)
    _store(user, changes | privacy)
    if privacy:
        publish_from_thread(Changed(user_topic(user.pk)))
    if changes:
        announce.profile_changed(user.pk)
    return user


def _valid_sex(sex: int) -> int:
    if sex not in Sex.values:
        raise BadRequest(errors={"sex": [_("Use 0 (not specified), 1 (male) or 2 (female).")]})
    return sex


def _privacy_changes(
    who_may_add: str | None, who_sees_online: str | None, read_receipts: bool | None
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, audience in (("who_may_add", who_may_add), ("who_sees_online", who_sees_online)):
        if audience is not None and audience not in Audience.values:
            raise BadRequest(errors={name: [_("Use everyone, contacts or nobody.")]})
        if audience is not None:
            changes[name] = audience
    if read_receipts is not None:
        changes["read_receipts"] = read_receipts
    return changes


def _store(user: User, changes: dict[str, Any]) -> None:
    """Only while the account is active: a deleted one must not get a name again."""
    changes["updated_at"] = now_ms()
    if User.objects.filter(pk=user.pk, is_active=True).update(**changes) != 1:
        raise NotAuthenticated
    for name, value in changes.items():
        setattr(user, name, value)
