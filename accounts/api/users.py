"""The user's own profile, and those of others."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import payloads, selectors, services
from accounts.requests import ApiRequest
from accounts.serializers import (
    AccountQuery,
    OwnUserSerializer,
    PersonSerializer,
    ProfileBody,
    UserListSerializer,
)
from accounts.sessions import client_ip
from imsystem.errors import NotFound
from imsystem.http.api import body_of, query_of


class MeView(APIView):
    @extend_schema(responses=OwnUserSerializer)
    def get(self, request: ApiRequest) -> Response:
        """Get my own profile."""
        return Response(payloads.own_user(request.user))

    @extend_schema(request=ProfileBody, responses=OwnUserSerializer)
    def patch(self, request: ApiRequest) -> Response:
        """Change my profile and privacy settings."""
        user = services.update_profile(user=request.user, **body_of(request, ProfileBody))
        return Response(payloads.own_user(user))


class UserView(APIView):
    @extend_schema(responses=PersonSerializer)
    def get(self, request: ApiRequest, user_identity: str) -> Response:
        """Get somebody's public profile, and whether they are online if I may know."""
        user = selectors.person(request.user, user_identity, client_ip(request))
        online = selectors.online_as_seen(request.user, user)
        return Response(payloads.person(user, online=online))


class UsersView(APIView):
    @extend_schema(parameters=[AccountQuery], responses=UserListSerializer)
    def get(self, request: ApiRequest) -> Response:
        """Find the person with exactly this account name. One result, or none."""
        account = query_of(request, AccountQuery)["account"]
        try:
            user = selectors.person_by_account(request.user, account, client_ip(request))
        except NotFound:
            return Response({"results": []})
        return Response({"results": [payloads.public_user(user)]})
