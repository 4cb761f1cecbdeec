"""Shapes of the account API. Rules are in services.py; these check types."""

from typing import Any

from rest_framework import serializers

from accounts.codes import Purpose
from accounts.models import Sex
from imsystem.fields import IdentityField, StrictCharField, StrictIntegerField


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


class RefreshBody(serializers.Serializer[Any]):
    refresh = StrictCharField()


class ResetPasswordBody(serializers.Serializer[Any]):
    email = StrictCharField()
    code = StrictCharField()
    password = StrictCharField()


class ChangePasswordBody(serializers.Serializer[Any]):
    old_password = StrictCharField()
    new_password = StrictCharField()


class ProfileBody(serializers.Serializer[Any]):
    nickname = StrictCharField(required=False)
    sex = StrictIntegerField(required=False, help_text="0 not said, 1 male, 2 female")


class AccountQuery(serializers.Serializer[Any]):
    account = StrictCharField(max_length=254)


class SentCodeSerializer(serializers.Serializer[Any]):
    expires_in = serializers.IntegerField(help_text="seconds the code is good")
    retry_after = serializers.IntegerField(help_text="seconds until another may be asked for")


class PublicUserSerializer(serializers.Serializer[Any]):
    """A person as everybody sees them."""

    identity = IdentityField()
    account = serializers.CharField()
    nickname = serializers.CharField()
    sex = serializers.ChoiceField(Sex.choices)
    avatar = serializers.CharField(allow_blank=True)
    created_at = serializers.IntegerField(help_text="Unix ms")


class OwnUserSerializer(PublicUserSerializer):
    """Oneself."""

    email = serializers.EmailField()


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


class DeviceSerializer(serializers.Serializer[Any]):
    identity = IdentityField()
    device = serializers.CharField()
    ip = serializers.CharField()
    created_at = serializers.IntegerField(help_text="Unix ms")
    last_used_at = serializers.IntegerField(help_text="Unix ms")
    current = serializers.BooleanField(help_text="the session that asks")


class DeviceListSerializer(serializers.Serializer[Any]):
    results = DeviceSerializer(many=True)
