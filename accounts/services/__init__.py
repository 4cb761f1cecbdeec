"""What people do with their accounts. API, pages, admin and commands call these, and only these,
to write."""

from accounts.services.codes import SentCode, send_code
from accounts.services.devices import revoke_all, revoke_session
from accounts.services.passwords import change_password, reset_password
from accounts.services.profile import update_profile
from accounts.services.registration import add_user, create_user, register
from accounts.services.signing_in import (
    PASSWORD_FAILURES,
    SignIn,
    check_credentials,
    refresh,
    sign_in,
    sign_in_user,
    sign_out,
    sign_out_by_token,
)

__all__ = [
    "PASSWORD_FAILURES",
    "SentCode",
    "SignIn",
    "add_user",
    "change_password",
    "check_credentials",
    "create_user",
    "refresh",
    "register",
    "reset_password",
    "revoke_all",
    "revoke_session",
    "send_code",
    "sign_in",
    "sign_in_user",
    "sign_out",
    "sign_out_by_token",
    "update_profile",
]
