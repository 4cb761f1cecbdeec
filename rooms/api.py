"""The room API: thin views over services and selectors."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import ApiRequest
from imsystem.http.api import body_of, query_of
from rooms import selectors, services
from rooms.models import Member
from rooms.payloads import MemberPayload, member_payload
from rooms.policies import sees_receipts
from rooms.serializers import (
    ChangeMemberBody,
    CreateRoomBody,
    LookupQuery,
    MemberListSerializer,
    MemberSerializer,
    PeerBody,
    RoomListSerializer,
    RoomSerializer,
    RoomSummarySerializer,
    UpdateRoomBody,
)


class RoomsView(APIView):
    @extend_schema(operation_id="rooms_list", responses=RoomListSerializer)
    def get(self, request: ApiRequest) -> Response:
        """My rooms, the one with the newest message first."""
        return Response({"results": selectors.room_list(request.user)})

    @extend_schema(request=CreateRoomBody, responses={201: RoomSerializer})
    def post(self, request: ApiRequest) -> Response:
        """A new group, with me as its owner."""
        room = services.create_group(creator=request.user, **body_of(request, CreateRoomBody))
        return Response(selectors.room_detail(request.user, room.identity), status=201)


class DirectRoomView(APIView):
    @extend_schema(request=PeerBody, responses={200: RoomSerializer, 201: RoomSerializer})
    def post(self, request: ApiRequest) -> Response:
        """My conversation with one person: 201 when it is new, 200 when there was one."""
        body = body_of(request, PeerBody)
        room, created = services.open_direct(user=request.user, peer_identity=body["user_identity"])
        detail = selectors.room_detail(request.user, room.identity)
        return Response(detail, status=201 if created else 200)


class RoomLookupView(APIView):
    @extend_schema(parameters=[LookupQuery], responses=RoomSummarySerializer)
    def get(self, request: ApiRequest) -> Response:
        """The group with a number."""
        return Response(selectors.lookup(query_of(request, LookupQuery)["number"]))


class RoomView(APIView):
    @extend_schema(responses=RoomSerializer)
    def get(self, request: ApiRequest, room_identity: str) -> Response:
        """One of my rooms."""
        return Response(selectors.room_detail(request.user, room_identity))

    @extend_schema(request=UpdateRoomBody, responses=RoomSerializer)
    def patch(self, request: ApiRequest, room_identity: str) -> Response:
        """Owner and admins: change a group's name or description."""
        body = body_of(request, UpdateRoomBody)
        services.update_room(user=request.user, room_identity=room_identity, **body)
        return Response(selectors.room_detail(request.user, room_identity))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, room_identity: str) -> Response:
        """Owner: delete a group."""
        services.delete_room(user=request.user, room_identity=room_identity)
        return Response(status=204)


class JoinView(APIView):
    @extend_schema(request=None, responses=RoomSerializer)
    def post(self, request: ApiRequest, room_identity: str) -> Response:
        """Join a group. Being in it already changes nothing."""
        services.join(user=request.user, room_identity=room_identity)
        return Response(selectors.room_detail(request.user, room_identity))


class LeaveView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: ApiRequest, room_identity: str) -> Response:
        """Leave a group."""
        services.leave(user=request.user, room_identity=room_identity)
        return Response(status=204)


def _member(request: ApiRequest, member: Member) -> MemberPayload:
    return member_payload(member, receipts=sees_receipts(request.user, member.user))


class MembersView(APIView):
    @extend_schema(operation_id="rooms_members_list", responses=MemberListSerializer)
    def get(self, request: ApiRequest, room_identity: str) -> Response:
        """Who is in the room."""
        return Response({"results": selectors.member_list(request.user, room_identity)})

    @extend_schema(request=PeerBody, responses={201: MemberSerializer})
    def post(self, request: ApiRequest, room_identity: str) -> Response:
        """Owner and admins: add somebody."""
        member = services.add_member(
            user=request.user,
            room_identity=room_identity,
            peer_identity=body_of(request, PeerBody)["user_identity"],
        )
        return Response(_member(request, member), status=201)


class MemberView(APIView):
    @extend_schema(request=ChangeMemberBody, responses=MemberSerializer)
    def patch(self, request: ApiRequest, room_identity: str, user_identity: str) -> Response:
        """Owner: change a role. Owner and admins: mute a member until a time."""
        member = services.change_member(
            user=request.user,
            room_identity=room_identity,
            peer_identity=user_identity,
            **body_of(request, ChangeMemberBody),
        )
        return Response(_member(request, member))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, room_identity: str, user_identity: str) -> Response:
        """Remove a member (or oneself: leave)."""
        services.remove_member(
            user=request.user, room_identity=room_identity, peer_identity=user_identity
        )
        return Response(status=204)
