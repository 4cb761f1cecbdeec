"""What a client needs to know about this server before anybody signs in.

The same JSON is in every page, as the element `server-info` (imsystem/templatetags/server.py).
"""

from typing import TypedDict

from django.conf import settings
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imsystem.client_limits import ClientLimits, client_limits

_features: set[str] = set()


class ServerInfo(TypedDict):
    """`directory`: whether signed-in users may browse and search all users."""

    version: str
    features: list[str]
    registration: str
    directory: bool
    limits: ClientLimits


def provide_features(*names: str) -> None:
    """Adds to the features that clients are told of. Apps call it once, at start-up."""
    _features.update(names)


def server_info() -> ServerInfo:
    """Returns the body of `GET /api/v1/server/`."""
    return {
        "version": settings.VERSION,
        "features": sorted(_features),
        "registration": settings.REGISTRATION,
        "directory": False,  # users are found by their exact account name only
        "limits": client_limits(),
    }


_limits_shape = inline_serializer(
    "ClientLimits", {name: serializers.IntegerField() for name in ClientLimits.__annotations__}
)
_shape = inline_serializer(
    "ServerInfo",
    {
        "version": serializers.CharField(),
        "features": serializers.ListField(child=serializers.CharField()),
        "registration": serializers.ChoiceField(["open", "invite", "closed"]),
        "directory": serializers.BooleanField(),
        "limits": _limits_shape,
    },
)


class ServerInfoView(APIView):
    """Open to everybody. An expired token sent along does no harm here."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=_shape)
    def get(self, request: Request) -> Response:
        """Get version, features, limits, and who may register."""
        return Response(server_info())
