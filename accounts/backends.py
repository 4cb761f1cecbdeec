"""Django's own sign-in (the admin's form): by username or e-mail, under the same limit."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest

from accounts.errors import BadCredentials, BadOtp, OtpRequired
from accounts.models import User
from accounts.services import check_credentials
from accounts.sessions import client_ip
from accounts.trusted_devices import token_of


class AccountBackend(ModelBackend):
    """Permissions and `get_user` are Django's. RateLimited passes through and becomes a 429
    page."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        *,
        otp: str = "",
        **kwargs: Any,
    ) -> User | None:
        account = kwargs.get("account", username)
        if account is None or password is None:
            return None
        try:
            return check_credentials(
                account=account,
                password=password,
                ip=client_ip(request) if request else "",
                device_token=token_of(request) if request else "",
                otp=otp,
            )
        except (BadCredentials, BadOtp, OtpRequired):
            return None

    async def aauthenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        return await sync_to_async(self.authenticate)(request, username, password, **kwargs)

    def _get_permissions(self, user_obj: Any, obj: Any, from_name: str) -> set[str]:
        """Django's, but with the app's name looked up here instead of joined.

        SecantusDB answers the projection of a joined field, {"content_type": {"app_label": 1}},
        with the number 1, so that staff would have no permission.
        """
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        permissions = Permission.objects.all()
        if not user_obj.is_superuser:
            permissions = getattr(self, f"_get_{from_name}_permissions")(user_obj)
        rows = permissions.order_by().values_list("content_type_id", "codename")
        app_of = ContentType.objects.get_for_id
        return {f"{app_of(type_id).app_label}.{codename}" for type_id, codename in rows}
