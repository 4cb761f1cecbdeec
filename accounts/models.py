"""user_basic and device_session."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.canonical import canonical_account, canonical_email
from imsystem.models import BasicModel
from imsystem.mongo.indexes import UniqueIndex


class Sex(models.IntegerChoices):
    UNKNOWN = 0, _("Not said")
    MALE = 1, _("Male")
    FEMALE = 2, _("Female")


class UserManager(BaseUserManager["User"]):
    """Django's own entry points (createsuperuser). People register through accounts.services."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(account=canonical_account(username or ""))

    def create_user(self, account: str, email: str, password: str | None, **extra: Any) -> "User":
        user = self.model(account=canonical_account(account), email=canonical_email(email), **extra)
        user.nickname = user.nickname or user.account
        user.set_password(password)
        user.save(force_insert=True)
        return user

    def create_superuser(self, account: str, email: str, password: str | None = None) -> "User":
        return self.create_user(account, email, password, is_staff=True, is_superuser=True)


class User(BasicModel, AbstractBaseUser, PermissionsMixin):
    """A person. `account` and `email` are canonical, so equality is an exact, indexed match."""

    account = models.CharField(_("account"), max_length=32)
    nickname = models.CharField(_("nickname"), max_length=64)
    sex = models.SmallIntegerField(_("sex"), choices=Sex.choices, default=Sex.UNKNOWN)
    email = models.CharField(_("e-mail"), max_length=254)
    avatar = models.CharField(_("avatar"), max_length=200, blank=True, default="")
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    # Sign-ins are device_session documents; Django's single field would be a write per login.
    last_login = None

    USERNAME_FIELD = "account"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "user_basic"
        indexes = [
            UniqueIndex(fields=["account"], name="one_user_per_account"),
            UniqueIndex(fields=["email"], name="one_user_per_email"),
        ]
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.nickname or self.account


class DeviceSession(BasicModel):
    """One sign-in on one device: pages and API alike. Revoking it ends tokens and sockets.

    `refresh_hash` is the SHA-256 of the only refresh token id that may be used next ("" for a
    browser session, which has a cookie in place of tokens).
    """

    user = models.ForeignKey(User, models.CASCADE, db_column="user_identity")
    device = models.CharField(_("device"), max_length=200, blank=True)
    ip = models.CharField(_("IP address"), max_length=45, blank=True)
    refresh_hash = models.CharField(max_length=64, blank=True, default="")
    last_used_at = models.BigIntegerField(default=0)
    revoked_at = models.BigIntegerField(null=True, default=None)

    class Meta:
        db_table = "device_session"
        verbose_name = _("device session")
        verbose_name_plural = _("device sessions")

    def __str__(self) -> str:
        return f"{self.device} {self.ip}"
