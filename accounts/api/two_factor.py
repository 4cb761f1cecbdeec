"""My two-factor authentication: an authenticator app and recovery codes."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import payloads, selectors, services
from accounts.requests import ApiRequest
from accounts.serializers import (
    ConfirmBody,
    EnrolmentSerializer,
    OtpBody,
    PasswordBody,
    RecoveryCodesSerializer,
    TwoFactorSerializer,
)
from imsystem.http.api import body_of


class TwoFactorView(APIView):
    @extend_schema(responses=TwoFactorSerializer)
    def get(self, request: ApiRequest) -> Response:
        """Get whether signing in takes a code, and how many recovery codes are left."""
        state = payloads.two_factor(
            selectors.two_factor_in_force(request.user),
            recovery_codes_left=selectors.recovery_codes_left(request.user),
        )
        return Response(state)

    @extend_schema(request=PasswordBody, responses={201: EnrolmentSerializer})
    def post(self, request: ApiRequest) -> Response:
        """Begin with two-factor authentication. The secret for an authenticator app is shown once;
        it is in force once confirmed."""
        enrolment = services.begin_two_factor(user=request.user, **body_of(request, PasswordBody))
        return Response(asdict(enrolment), status=201)


class ConfirmTwoFactorView(APIView):
    @extend_schema(request=OtpBody, responses=RecoveryCodesSerializer)
    def post(self, request: ApiRequest) -> Response:
        """Switch two-factor authentication on with a code of the app. The recovery codes are shown
        once."""
        codes = services.confirm_two_factor(user=request.user, **body_of(request, OtpBody))
        return Response({"recovery_codes": codes})


class RecoveryCodesView(APIView):
    @extend_schema(request=ConfirmBody, responses=RecoveryCodesSerializer)
    def post(self, request: ApiRequest) -> Response:
        """Get ten new recovery codes. Those before them stop working."""
        codes = services.new_recovery_codes(user=request.user, **body_of(request, ConfirmBody))
        return Response({"recovery_codes": codes})


class DisableTwoFactorView(APIView):
    # Not DELETE: it needs a body, for which HTTP (RFC 9110, 9.3.5) and OpenAPI have no meaning.
    @extend_schema(request=ConfirmBody, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        """Switch two-factor authentication off. Signing in takes the password alone."""
        services.disable_two_factor(user=request.user, **body_of(request, ConfirmBody))
        return Response(status=204)
