"""Setting another password."""

from accounts import codes, known_sources
from accounts.canonical import valid_email
from accounts.codes import Purpose
from accounts.models import DeviceSession, User
from accounts.policies import check_password_rules
from accounts.services.attempts import start_anew
from accounts.services.codes import Asker, entered
from accounts.services.devices import revoke_all
from accounts.services.reauth import confirm_otp, confirm_password
from imsystem.sources import source_of


def reset_password(
    *, email: str, code: str, password: str, ip: str = "", device_token: str = ""
) -> User:
    """Sets a new password for the owner of `email` and signs them out everywhere. From the place
    where they did it they are let in again, however many strangers try passwords meanwhile."""
    email = valid_email(email)
    check_password_rules(password, User(email=email))
    user = User.objects.filter(email=email).first()
    asker = Asker(ip, device_token)
    with entered(email=email, purpose=Purpose.RESET, code=code, asker=asker, owner=user):
        if user is None or not user.is_active:
            raise codes.bad_code()
        # Only now: before the code, this rule would reveal which account the address belongs to.
        check_password_rules(password, user)
        _set_password(user, password)
        revoke_all(user=user)
        known_sources.remember(user, source_of(ip))
    return user


def change_password(
    *,
    user: User,
    old_password: str,
    new_password: str,
    keep_session: DeviceSession | None,
    otp: str = "",
) -> None:
    """Sets a new password and signs out everywhere except in `keep_session`.

    Raises BadRequest at `old_password`, `new_password` or `otp`, and RateLimited.
    """
    confirm_password(user, old_password, field="old_password")
    check_password_rules(new_password, user, field="new_password")
    confirm_otp(user, otp)  # last: a code is valid once, and should not be lost to a rule
    _set_password(user, new_password)
    revoke_all(user=user, except_session=keep_session)


def _set_password(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password", "password_set_at"])
    start_anew(user)
