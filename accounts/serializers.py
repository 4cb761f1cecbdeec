"""Shapes of the account API. The services have the rules; these check types."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.choices import Audience
from accounts.codes import Purpose
from accounts.models import Sex
from imsystem.http.fields import (
    IdentityField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
)


class CodeBody(serializers.Serializer[Any]):
    email = StrictCharField()
    purpose = serializers.ChoiceField([purpose.value for purpose in Purpose])


class RegisterBody(serializers.Serializer[Any]):
    account = StrictCharField()
    password = StrictCharField()
    email = StrictCharField()
    code = StrictCharField()
    nickname = StrictCharField(required=False, allow_blank=True)


class LoginBody(serializers.Serializer[Any]):
    account = StrictCharField(max_length=254, help_text="account name or e-mail address")
    password = StrictCharField()
    otp = StrictCharField(
        required=False,
        allow_blank=True,
        help_text="with two-factor authentication: the app's six digits, or a recovery code",
    )


class RefreshBody(serializers.Serializer[Any]):
    refresh = StrictCharField()


class ResetPasswordBody(serializers.Serializer[Any]):
    email = StrictCharField()
    code = StrictCharField()
    password = StrictCharField()


class ProfileBody(serializers.Serializer[Any]):
    nickname = StrictCharField(required=False)
    sex = StrictIntegerField(required=False, help_text="0 not said, 1 male, 2 female")
    who_may_add = serializers.ChoiceField(Audience.choices, required=False)
    who_sees_online = serializers.ChoiceField(Audience.choices, required=False)
    read_receipts = StrictBooleanField(required=False)
    language = serializers.ChoiceField(settings.LANGUAGES, required=False, help_text="of mails")


class PasswordBody(serializers.Serializer[Any]):
    password = StrictCharField()


class OtpBody(serializers.Serializer[Any]):
    otp = StrictCharField(help_text="six digits of the authenticator app")


def _own_otp() -> StrictCharField:
    return StrictCharField(
        required=False, allow_blank=True, default="", help_text="with two-factor authentication"
    )


class ConfirmBody(PasswordBody):
    """A signed-in user proves again who they are."""

    otp = _own_otp()


class ChangePasswordBody(serializers.Serializer[Any]):
    old_password = StrictCharField()
    new_password = StrictCharField()
    otp = _own_otp()


class ChangeEmailBody(ConfirmBody):
    email = StrictCharField()
    code = StrictCharField(help_text="from the mail to the new address")


class AccountQuery(serializers.Serializer[Any]):
    account = StrictCharField(max_length=254)


class SentCodeSerializer(serializers.Serializer[Any]):
    expires_in = serializers.IntegerField(help_text="seconds the code is good")
    retry_after = serializers.IntegerField(help_text="seconds until another may be asked for")


class PublicUserSerializer(serializers.Serializer[Any]):
    """A user as everybody sees them."""

    identity = IdentityField()
    account = serializers.CharField()
    nickname = serializers.CharField()
    sex = serializers.ChoiceField(Sex.choices)
    avatar = serializers.CharField(help_text="path of a picture that can be shown")
    created_at = serializers.IntegerField(help_text="Unix ms")
    deleted = serializers.BooleanField(required=False, help_text="true, of deleted accounts only")


class PersonSerializer(PublicUserSerializer):
    """A user as another sees them."""

    online = serializers.BooleanField(allow_null=True, help_text="null: you may not know")


class OwnUserSerializer(PublicUserSerializer):
    """The user's own profile."""

    email = serializers.EmailField()
    who_may_add = serializers.ChoiceField(Audience.choices)
    who_sees_online = serializers.ChoiceField(Audience.choices)
    read_receipts = serializers.BooleanField(
        help_text="whether others learn how far I have read, and I of others"
    )
    language = serializers.ChoiceField(settings.LANGUAGES, help_text="of mails")


class UserListSerializer(serializers.Serializer[Any]):
    results = PublicUserSerializer(many=True)


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class SignInSerializer(TokensSerializer):
    user = OwnUserSerializer()


class TicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="seconds")


class DeviceBody(serializers.Serializer[Any]):
    name = StrictCharField(allow_blank=True, help_text="empty: no name")


class DeviceSerializer(serializers.Serializer[Any]):
    identity = IdentityField()
    name = serializers.CharField(allow_blank=True, help_text="what its owner calls it")
    device = serializers.CharField(allow_blank=True, help_text="its User-Agent")
    client = serializers.CharField(help_text='the same in words, such as "Chrome on Windows"')
    ip = serializers.CharField(allow_blank=True, help_text="where it signed in")
    created_at = serializers.IntegerField(help_text="Unix ms")
    last_used_at = serializers.IntegerField(help_text="Unix ms")
    expires_at = serializers.IntegerField(help_text="Unix ms; then it has to sign in anew")
    current = serializers.BooleanField(help_text="the session that asks")


class DeviceListSerializer(serializers.Serializer[Any]):
    results = DeviceSerializer(many=True)


class TwoFactorSerializer(serializers.Serializer[Any]):
    enabled = serializers.BooleanField()
    recovery_codes_left = serializers.IntegerField()


class EnrolmentSerializer(serializers.Serializer[Any]):
    """What an authenticator app needs."""

    secret = serializers.CharField(help_text="base 32")
    uri = serializers.CharField(help_text="otpauth://, for a link or a QR code")
    qr = serializers.CharField(help_text="its QR code: data: URI of an SVG picture")


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    recovery_codes = serializers.ListField(child=serializers.CharField())
