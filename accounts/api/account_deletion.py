"""Deleting an account, and downloading its data."""

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.requests import ApiRequest
from accounts.serializers import ConfirmBody
from imsystem.http.api import body_of
from imsystem.http.downloads import json_attachment


class DeleteView(APIView):
    @extend_schema(request=ConfirmBody, responses={204: None})
    def post(self, request: ApiRequest) -> Response:
        """Delete my account, for good. Personal data goes, messages stay without my name."""
        services.delete_own_account(user=request.user, **body_of(request, ConfirmBody))
        return Response(status=204)


class DataView(APIView):
    @extend_schema(
        request=ConfirmBody,
        responses={
            200: OpenApiResponse(
                OpenApiTypes.OBJECT,
                description="A file: format, exported_at, profile, devices, rooms, messages",
            )
        },
    )
    def post(self, request: ApiRequest) -> StreamingHttpResponse:
        """Download everything stored about me. Profile, devices, rooms, and the messages I sent."""
        chunks = services.export_data(user=request.user, **body_of(request, ConfirmBody))
        return json_attachment(services.export_name(request.user), chunks)
