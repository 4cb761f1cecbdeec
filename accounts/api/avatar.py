"""The user's own picture."""

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import payloads, services
from accounts.requests import ApiRequest
from accounts.serializers import OwnUserSerializer
from accounts.uploads import MAX_BODY_BYTES, TOO_LARGE, picture_in_body
from imsystem.http.body_limit import takes_uploads

_FORM = inline_serializer("AvatarForm", {"avatar": serializers.FileField()})


@takes_uploads(MAX_BODY_BYTES, TOO_LARGE)
class AvatarView(APIView):
    @extend_schema(
        # The picture as the whole body is described in words only: client generators skip an
        # operation with a media range.
        request={"multipart/form-data": _FORM},
        responses=OwnUserSerializer,
    )
    def put(self, request: ApiRequest) -> Response:
        """Upload my picture. JPEG, PNG, WebP or GIF of at most 5 MB and 40 megapixels, as a part of
        a form or as the whole body, with its own type (`image/png`). Its middle is kept as a square
        WebP, without metadata."""
        data = picture_in_body(request._request)
        user = services.set_avatar(user=request.user, data=data)
        return Response(payloads.own_user(user))

    @extend_schema(responses={200: OwnUserSerializer})
    def delete(self, request: ApiRequest) -> Response:
        """Remove my picture."""
        return Response(payloads.own_user(services.remove_avatar(user=request.user)))
