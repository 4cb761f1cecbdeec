"""user_basic, device_session, and what belongs to a user: two-factor secrets, pictures."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.canonical import canonical_account, canonical_email
from accounts.choices import Audience
from imsystem.clock import now_ms
from imsystem.models import BasicModel
from imsystem.mongo.indexes import UniqueIndex
from imsystem.text import same_password


class Sex(models.IntegerChoices):
    UNKNOWN = 0, _("Prefer not to say")
    MALE = 1, _("Male")
    FEMALE = 2, _("Female")


class UserManager(BaseUserManager["User"]):
    """Django's own entry points (createsuperuser). Users register through accounts.services."""

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
    """A user. `account` and `email` are canonical, so equality is an exact, indexed match."""

    account = models.CharField(_("username"), max_length=32)
    nickname = models.CharField(_("nickname"), max_length=64)
    sex = models.SmallIntegerField(_("sex"), choices=Sex.choices, default=Sex.UNKNOWN)
    email = models.CharField(_("e-mail"), max_length=254)
    avatar = models.CharField(_("avatar"), max_length=200, blank=True, default="")
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    # Changes when the password is set, not when its hash is renewed: what depends on the password
    # (cookies, sign-ins on their way) compares this.
    password_set_at = models.BigIntegerField(default=now_ms, editable=False)
    deleted_at = models.BigIntegerField(null=True, default=None, editable=False)
    who_may_add = models.CharField(
        _("who can add me"), max_length=8, choices=Audience.choices, default=Audience.EVERYONE
    )
    who_sees_online = models.CharField(
        _("who can see when I'm online"),
        max_length=8,
        choices=Audience.choices,
        default=Audience.EVERYONE,
    )
    read_receipts = models.BooleanField(_("read receipts"), default=True)
    # The language of mails: somebody else may cause one, and ask for pages in another language.
    language = models.CharField(_("language"), max_length=7, default=settings.LANGUAGE_CODE)
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

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(None if raw_password is None else same_password(raw_password))
        self.password_set_at = now_ms()

    def check_password(self, raw_password: str | None) -> bool:
        """Returns whether this is the password. Renews a hash made with older parameters.

        Unlike Django's, the renewal never overwrites a password that is set at the same moment.
        """

        def renew(raw: str) -> None:
            renewed = make_password(raw)
            User.objects.filter(pk=self.pk, password=self.password).update(password=renewed)
            self.password = renewed

        if raw_password is None:
            return False
        password = same_password(raw_password)
        if check_password(password, self.password, renew):
            return True
        # Set before passwords were normalised.
        if password == raw_password or not check_password(raw_password, self.password):
            return False
        renew(password)
        return True

    def get_session_auth_hash(self) -> str:
        """Django's, but derived from the time when the password was set. Derived from the hash,
        every renewal of the hash (new Argon2 parameters, at a sign-in) would sign out all other
        browsers."""
        return salted_hmac(
            "accounts.session", f"{self.identity} {self.password_set_at}", algorithm="sha256"
        ).hexdigest()


def session_end() -> int:
    """Returns when a device session that starts now ends, in Unix milliseconds."""
    return now_ms() + settings.SESSION_LIFETIME_S * 1000


class DeviceSession(BasicModel):
    """One sign-in on one device, for pages and API alike. Revoking it ends tokens and sockets.

    `refresh_hash` is the SHA-256 of the only refresh token id that may be used next ("" for a
    browser session, which has a cookie instead of tokens), `rotated_from` that of the one before
    it. `name` is what its owner calls it, `device` what the client says it is. After `expires_at`
    (Unix ms) the user has to sign in again, however busy the session was.
    """

    user = models.ForeignKey(User, models.CASCADE, db_column="user_identity")
    name = models.CharField(_("name"), max_length=64, blank=True, default="")
    device = models.CharField(_("device"), max_length=200, blank=True)
    ip = models.CharField(_("IP address"), max_length=45, blank=True)
    refresh_hash = models.CharField(max_length=64, blank=True, default="")
    rotated_from = models.CharField(max_length=64, blank=True, default="")
    expires_at = models.BigIntegerField(_("expires at"), default=session_end)
    last_used_at = models.BigIntegerField(default=0)
    revoked_at = models.BigIntegerField(null=True, default=None)

    class Meta:
        db_table = "device_session"
        verbose_name = _("device session")
        verbose_name_plural = _("device sessions")

    def __str__(self) -> str:
        return f"{self.name or self.device} {self.ip}"

    @property
    def ended_at(self) -> int | None:
        """When it ended, revoked or too old, in Unix milliseconds; None while it lives."""
        if self.revoked_at is not None:
            return min(self.revoked_at, self.expires_at)
        return self.expires_at if self.expires_at <= now_ms() else None


class TwoFactor(BasicModel):
    """A user's authenticator app. It counts once `confirmed_at` is set.

    `secret` is encrypted (imsystem.encryption). `last_step` is the newest 30-second step whose code
    was used: no code is valid twice.
    """

    user = models.ForeignKey(User, models.CASCADE, db_column="user_identity", db_index=False)
    secret = models.CharField(max_length=255)
    confirmed_at = models.BigIntegerField(null=True, default=None)
    last_step = models.BigIntegerField(default=0)

    class Meta:
        db_table = "two_factor"
        indexes = [UniqueIndex(fields=["user"], name="one_authenticator_per_user")]
        verbose_name = _("two-factor authentication")
        verbose_name_plural = _("two-factor authentication")

    def __str__(self) -> str:
        return self.user_id


class RecoveryCode(BasicModel):
    """One of ten codes for a user who has lost their authenticator app: an HMAC of it, used
    once."""

    user = models.ForeignKey(User, models.CASCADE, db_column="user_identity")
    digest = models.CharField(max_length=64)
    used_at = models.BigIntegerField(null=True, default=None)

    class Meta:
        db_table = "recovery_code"
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")

    def __str__(self) -> str:
        return self.user_id


class Avatar(BasicModel):
    """A user's picture: a square WebP of a few kilobytes, small enough for the database, where
    every process finds it and every backup has it."""

    user = models.ForeignKey(User, models.CASCADE, db_column="user_identity", related_name="+")
    data = models.BinaryField()

    class Meta:
        db_table = "avatar"
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")

    def __str__(self) -> str:
        return self.user_id


class _AppendOnly(models.QuerySet["AuditEntry"]):
    """Has no way to change or delete what is stored."""

    def update(self, **fields: Any) -> int:
        raise TypeError("audit entries are never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("audit entries are never deleted")

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        raise TypeError("audit entries are never changed")


class AuditEntry(BasicModel):
    """A member of staff has read something. Identities only: no text, no names, and no foreign
    keys, so that the entry outlives what it is about.

    `about` are the rooms or users whose data was shown, `shown` how many objects there were.
    """

    actor_identity = models.CharField(_("who"), max_length=24)
    action = models.CharField(_("how"), max_length=16)
    what = models.CharField(_("what"), max_length=64)
    subject = models.CharField(_("object"), max_length=64, blank=True, default="")
    about = models.TextField(_("rooms or users"), blank=True, default="")
    shown = models.IntegerField(_("shown"), default=0)

    objects = _AppendOnly.as_manager()

    class Meta:
        db_table = "audit_entry"
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["created_at"], name="audit_by_time")]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")

    def __str__(self) -> str:
        return f"{self.actor_identity} {self.action} {self.what}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("audit entries are never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("audit entries are never deleted")
