"""Devices the user is signed in on, and tickets for their sockets."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import payloads, selectors, services
from accounts.requests import ApiRequest
from accounts.serializers import (
    DeviceBody,
    DeviceListSerializer,
    DeviceSerializer,
    TicketSerializer,
)
from accounts.tickets import TICKET_TTL_S, issue_ticket
from imsystem.http.api import body_of


class TicketView(APIView):
    @extend_schema(request=None, responses={201: TicketSerializer})
    def post(self, request: ApiRequest) -> Response:
        """Get a ticket for the socket's handshake. `/ws/?ticket=...`, good once."""
        ticket = issue_ticket(request.auth, expires_at_ms=request.expires_at_ms)
        return Response({"ticket": ticket, "expires_in": TICKET_TTL_S}, status=201)


class SessionsView(APIView):
    @extend_schema(responses=DeviceListSerializer)
    def get(self, request: ApiRequest) -> Response:
        """List the devices I am signed in on, last used first."""
        live = selectors.live_sessions_of(request.user)
        return Response({"results": [payloads.device(s, current=request.auth) for s in live]})

    @extend_schema(operation_id="auth_sessions_delete_others", responses={204: None})
    def delete(self, request: ApiRequest) -> Response:
        """Sign all my other devices out, with their sockets."""
        services.revoke_all(user=request.user, except_session=request.auth)
        return Response(status=204)


class SessionView(APIView):
    @extend_schema(request=DeviceBody, responses=DeviceSerializer)
    def patch(self, request: ApiRequest, session_identity: str) -> Response:
        """Name one of my devices."""
        session = services.rename_session(
            user=request.user, session_identity=session_identity, **body_of(request, DeviceBody)
        )
        return Response(payloads.device(session, current=request.auth))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, session_identity: str) -> Response:
        """Sign one of my devices out, with its sockets."""
        services.revoke_session(user=request.user, session_identity=session_identity)
        return Response(status=204)
