"""The message API: thin views over the services the socket uses too."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import ApiRequest
from chat import selectors, services
from chat.serializers import (
    EditBody,
    HistoryQuery,
    HistorySerializer,
    MessageSerializer,
    ReadBody,
    ReadSerializer,
    SendBody,
)
from imsystem.http.api import body_of, query_of
from imsystem.loops import run_on_loop


class MessagesView(APIView):
    @extend_schema(parameters=[HistoryQuery], responses=HistorySerializer)
    def get(self, request: ApiRequest, room_identity: str) -> Response:
        """Read a page of history, oldest message first. Without `before`, `after` or `around`: the
        newest page."""
        page = selectors.history(
            user_identity=request.user.identity,
            room_identity=room_identity,
            **query_of(request, HistoryQuery),
        )
        return Response(run_on_loop(page))

    @extend_schema(request=SendBody, responses={200: MessageSerializer, 201: MessageSerializer})
    def post(self, request: ApiRequest, room_identity: str) -> Response:
        """Send a message. 201 when it was stored, 200 when its `client_id` had been sent before."""
        services.WRITES.take(request.user.identity)
        stored = run_on_loop(
            services.send_message(
                user_identity=request.user.identity,
                room_identity=room_identity,
                **body_of(request, SendBody),
            )
        )
        message = {**stored.message, "duplicate": stored.duplicate}
        return Response(message, status=200 if stored.duplicate else 201)


class MessageView(APIView):
    @extend_schema(request=EditBody, responses=MessageSerializer)
    def patch(self, request: ApiRequest, message_identity: str) -> Response:
        """Edit one of my messages. `limits.edit_window_s` of `GET server/` says for how long."""
        services.WRITES.take(request.user.identity)
        message = services.edit_message(
            user_identity=request.user.identity,
            message_identity=message_identity,
            **body_of(request, EditBody),
        )
        return Response(run_on_loop(message))

    @extend_schema(responses={200: MessageSerializer})
    def delete(self, request: ApiRequest, message_identity: str) -> Response:
        """Recall a message. My own for `limits.recall_window_s` of `GET server/`; owner and admins:
        any."""
        services.WRITES.take(request.user.identity)
        message = services.recall_message(
            user_identity=request.user.identity, message_identity=message_identity
        )
        return Response(run_on_loop(message))


class ReadView(APIView):
    @extend_schema(request=ReadBody, responses=ReadSerializer)
    def post(self, request: ApiRequest, room_identity: str) -> Response:
        """Mark a room as read, up to a `seq`."""
        seq = services.mark_read(
            user_identity=request.user.identity,
            room_identity=room_identity,
            **body_of(request, ReadBody),
        )
        return Response({"room_identity": room_identity, "seq": run_on_loop(seq)})
