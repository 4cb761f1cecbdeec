"""Changing the account's address."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import payloads, services
from accounts.requests import ApiRequest
from accounts.serializers import ChangeEmailBody, OwnUserSerializer
from imsystem.http.api import body_of


class EmailView(APIView):
    @extend_schema(request=ChangeEmailBody, responses=OwnUserSerializer)
    def post(self, request: ApiRequest) -> Response:
        """Change my address, with a code sent to the new one. The old one gets a notice."""
        user = services.change_email(user=request.user, **body_of(request, ChangeEmailBody))
        return Response(payloads.own_user(user))
