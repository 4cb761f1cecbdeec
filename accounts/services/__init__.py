"""What users do with their accounts. API, pages, admin and commands call these, and only these, to
write."""

from accounts.services.account_deletion import before_deletion, delete_account, delete_own_account
from accounts.services.administrators import (
    ONLY_ADMINISTRATOR,
    change_account,
    is_last_administrator,
)
from accounts.services.attempts import PASSWORD_FAILURES
from accounts.services.avatar import remove_avatar, set_avatar
from accounts.services.codes import SentCode, send_code
from accounts.services.devices import (
    rename_session,
    revoke_all,
    revoke_session,
)
from accounts.services.email import change_email
from accounts.services.export import contribute, export_data, export_name
from accounts.services.otp import check_otp
from accounts.services.passwords import change_password, reset_password
from accounts.services.profile import update_profile
from accounts.services.registration import add_user, create_user, insert_user, register
from accounts.services.signing_in import (
    SignIn,
    check_credentials,
    refresh,
    sign_in,
    sign_in_user,
    sign_out,
    sign_out_by_token,
)
from accounts.services.two_factor import (
    Enrolment,
    begin_two_factor,
    confirm_two_factor,
    disable_two_factor,
    new_recovery_codes,
    remove_two_factor,
)

__all__ = [
    "ONLY_ADMINISTRATOR",
    "PASSWORD_FAILURES",
    "Enrolment",
    "SentCode",
    "SignIn",
    "add_user",
    "before_deletion",
    "begin_two_factor",
    "change_account",
    "change_email",
    "change_password",
    "check_credentials",
    "check_otp",
    "confirm_two_factor",
    "contribute",
    "create_user",
    "delete_account",
    "delete_own_account",
    "disable_two_factor",
    "export_data",
    "export_name",
    "insert_user",
    "is_last_administrator",
    "new_recovery_codes",
    "refresh",
    "register",
    "remove_avatar",
    "remove_two_factor",
    "rename_session",
    "reset_password",
    "revoke_all",
    "revoke_session",
    "send_code",
    "set_avatar",
    "sign_in",
    "sign_in_user",
    "sign_out",
    "sign_out_by_token",
    "update_profile",
]
