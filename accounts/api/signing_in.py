"""Codes, registration, sign-in, tokens and passwords."""

from contextlib import suppress

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import payloads, services, sessions, trusted_devices
from accounts.api.open import OpenView
from accounts.codes import Purpose
from accounts.models import User
from accounts.requests import ApiRequest
from accounts.serializers import (
    ChangePasswordBody,
    CodeBody,
    LoginBody,
    RefreshBody,
    RegisterBody,
    ResetPasswordBody,
    SentCodeSerializer,
    SignInSerializer,
    TokensSerializer,
)
from accounts.services import SignIn
from imsystem.errors import NotAuthenticated
from imsystem.http.api import body_of


def _signed_in(request: Request, sign_in: SignIn, status: int) -> Response:
    trusted_devices.trust(request._request, sign_in.user)
    body = {
        "user": payloads.own_user(sign_in.user),
        "access": sign_in.access,
        "refresh": sign_in.refresh,
    }
    return Response(body, status=status)


def _whose_address(request: Request, purpose: str) -> User | None:
    """Returns the signed-in user who wants another address; None when the request has no valid
    token."""
    if purpose != Purpose.CHANGE_EMAIL:
        return None
    for how in APIView.authentication_classes:
        with suppress(NotAuthenticated, PermissionDenied):
            found = how().authenticate(request)
            if found is not None:
                user: User = found[0]
                return user
    return None


class CodeView(OpenView):
    also_refuses = (401, 403)

    @extend_schema(request=CodeBody, responses={202: SentCodeSerializer})
    def post(self, request: Request) -> Response:
        """Mail a code. The answer does not tell whether the address has an account.

        For `change_email`, with the sign-in of the account that is to have the address.
        """
        body = body_of(request, CodeBody)
        sent = services.send_code(
            email=body["email"],
            purpose=Purpose(body["purpose"]),
            ip=sessions.client_ip(request._request),
            device_token=trusted_devices.token_of(request._request),
            user=_whose_address(request, body["purpose"]),
        )
        answer = {"expires_in": sent.expires_in, "retry_after": sent.retry_after}
        return Response(answer, status=202)


class RegisterView(OpenView):
    also_refuses = (403,)

    @extend_schema(request=RegisterBody, responses={201: SignInSerializer})
    def post(self, request: Request) -> Response:
        """Create an account with a code from the mail, and sign in."""
        ip = sessions.client_ip(request._request)
        user = services.register(**body_of(request, RegisterBody), ip=ip)
        sign_in = services.sign_in_user(
            user=user,
            ip=ip,
            device=sessions.device_name(request._request),
        )
        return _signed_in(request, sign_in, 201)


class LoginView(OpenView):
    also_refuses = (401,)

    @extend_schema(request=LoginBody, responses=SignInSerializer)
    def post(self, request: Request) -> Response:
        """Sign in with account name or e-mail address, and password.

        With two-factor authentication: 401 `otp_required`, then the same with `otp`.
        """
        sign_in = services.sign_in(
            **body_of(request, LoginBody),
            ip=sessions.client_ip(request._request),
            device=sessions.device_name(request._request),
            device_token=trusted_devices.token_of(request._request),
            with_tokens=True,
        )
        return _signed_in(request, sign_in, 200)


class RefreshView(OpenView):
    also_refuses = (401,)

    @extend_schema(request=RefreshBody, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Exchange a refresh token, once. Using one again ends its device session."""
        tokens = services.refresh(**body_of(request, RefreshBody))
        return Response({"access": tokens.access, "refresh": tokens.refresh})


class LogoutView(OpenView):
    @extend_schema(request=RefreshBody, responses={204: None})
    def post(self, request: Request) -> Response:
        """End the device session of a refresh token, with its sockets."""
        services.sign_out_by_token(**body_of(request, RefreshBody))
        return Response(status=204)


class ResetPasswordView(OpenView):
    @extend_schema(request=ResetPasswordBody, responses={204: None})
    def post(self, request: Request) -> Response:
        """Set a new password with a code from the mail. Signs out everywhere."""
        user = services.reset_password(
            **body_of(request, ResetPasswordBody),
            ip=sessions.client_ip(request._request),
            device_token=trusted_devices.token_of(request._request),
        )
        trusted_devices.trust(request._request, user)
        return Response(status=204)


class ChangePasswordView(APIView):
    @extend_schema(request=ChangePasswordBody, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        """Set a new password. Signs out everywhere else."""
        services.change_password(
            user=request.user, keep_session=request.auth, **body_of(request, ChangePasswordBody)
        )
        sessions.renew_browser_session(request._request, request.user)
        return Response(status=204)
