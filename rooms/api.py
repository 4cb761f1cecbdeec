"""The room API: thin views over services and selectors."""

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import ApiRequest
from accounts.sessions import client_ip
from imsystem.http.api import body_of, query_of
from rooms import selectors, services
from rooms.choices import Role
from rooms.inbox import Inbox
from rooms.models import Member
from rooms.payloads import MemberPayload, member_payload
from rooms.policies import can_see_receipts
from rooms.serializers import (
    AdderListSerializer,
    BanBody,
    BanListSerializer,
    ChangeMemberBody,
    CreateRoomBody,
    JoinBody,
    LeaveAddedBody,
    LeftSerializer,
    LookupQuery,
    MemberListSerializer,
    MemberSerializer,
    OwnershipSerializer,
    PeerBody,
    RoomCardSerializer,
    RoomListSerializer,
    RoomSerializer,
    UpdateRoomBody,
)


class InboxView(APIView):
    """Answers with rooms as their members see them. Its route gives it the inbox."""

    inbox = cast("Inbox", None)


class RoomsView(InboxView):
    @extend_schema(responses=RoomListSerializer)
    def get(self, request: ApiRequest) -> Response:
        """List my rooms, the one with the newest message first."""
        return Response({"results": self.inbox.room_list(request.user)})

    @extend_schema(request=CreateRoomBody, responses={201: RoomSerializer})
    def post(self, request: ApiRequest) -> Response:
        """Create a group, with me as its owner."""
        room = services.create_group(creator=request.user, **body_of(request, CreateRoomBody))
        return Response(self.inbox.room_detail(request.user, room.identity), status=201)


class DirectRoomView(InboxView):
    also_refuses = (404,)

    @extend_schema(request=PeerBody, responses={200: RoomSerializer, 201: RoomSerializer})
    def post(self, request: ApiRequest) -> Response:
        """Open my conversation with one person. 201 when it is new, 200 when there was one."""
        body = body_of(request, PeerBody)
        room, created = services.open_direct(
            user=request.user, peer_identity=body["user_identity"], inbox=self.inbox
        )
        detail = self.inbox.room_detail(request.user, room.identity)
        return Response(detail, status=201 if created else 200)


class RoomLookupView(APIView):
    also_refuses = (404,)

    @extend_schema(parameters=[LookupQuery], responses=RoomCardSerializer)
    def get(self, request: ApiRequest) -> Response:
        """Look up the group with a number, as somebody sees it who is not in it."""
        number = query_of(request, LookupQuery)["number"]
        return Response(selectors.lookup(request.user, number, client_ip(request)))


class JoinByNumberView(InboxView):
    also_refuses = (404,)

    @extend_schema(operation_id="rooms_join_by_number", request=JoinBody, responses=RoomSerializer)
    def post(self, request: ApiRequest) -> Response:
        """Join the group with a number. Being in it already changes nothing."""
        number = body_of(request, JoinBody)["number"]
        room = services.join(
            user=request.user, number=number, source=client_ip(request), inbox=self.inbox
        )
        return Response(self.inbox.room_detail(request.user, room.identity))


class RoomView(InboxView):
    @extend_schema(responses=RoomSerializer)
    def get(self, request: ApiRequest, room_identity: str) -> Response:
        """Get one of my rooms."""
        return Response(self.inbox.room_detail(request.user, room_identity))

    @extend_schema(request=UpdateRoomBody, responses=RoomSerializer)
    def patch(self, request: ApiRequest, room_identity: str) -> Response:
        """Change a group's name, description, and who gets in. For owner and admins."""
        body = body_of(request, UpdateRoomBody)
        services.update_room(user=request.user, room_identity=room_identity, **body)
        return Response(self.inbox.room_detail(request.user, room_identity))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, room_identity: str) -> Response:
        """Delete a group, for its owner, or my side of a conversation of two."""
        services.delete_room(user=request.user, room_identity=room_identity, inbox=self.inbox)
        return Response(status=204)


class JoinView(InboxView):
    @extend_schema(request=None, responses=RoomSerializer)
    def post(self, request: ApiRequest, room_identity: str) -> Response:
        """Get a room I am in already. Nobody gets in by an identity: for others it is 404."""
        return Response(self.inbox.room_detail(request.user, room_identity))


class LeaveView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: ApiRequest, room_identity: str) -> Response:
        """Leave a group."""
        services.leave(user=request.user, room_identity=room_identity)
        return Response(status=204)


def _member(request: ApiRequest, member: Member) -> MemberPayload:
    return member_payload(member, receipts=can_see_receipts(request.user, member.user))


class MembersView(InboxView):
    @extend_schema(responses=MemberListSerializer)
    def get(self, request: ApiRequest, room_identity: str) -> Response:
        """List who is in a room."""
        return Response({"results": selectors.member_list(request.user, room_identity)})

    @extend_schema(request=PeerBody, responses={201: MemberSerializer})
    def post(self, request: ApiRequest, room_identity: str) -> Response:
        """Add somebody to a group. For owner and admins."""
        member = services.add_member(
            user=request.user,
            room_identity=room_identity,
            peer_identity=body_of(request, PeerBody)["user_identity"],
            inbox=self.inbox,
        )
        return Response(_member(request, member), status=201)


class MemberView(APIView):
    @extend_schema(
        request=ChangeMemberBody, responses={200: MemberSerializer, 202: MemberSerializer}
    )
    def patch(self, request: ApiRequest, room_identity: str, user_identity: str) -> Response:
        """Change a member's role, or mute them until a time.

        Roles are for the owner, muting is for owner and admins. The role `owner` offers the group
        to the member (202), who becomes its owner by accepting.
        """
        body = body_of(request, ChangeMemberBody)
        member = services.change_member(
            user=request.user, room_identity=room_identity, peer_identity=user_identity, **body
        )
        status = 202 if body.get("role") == Role.OWNER else 200
        return Response(_member(request, member), status=status)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, room_identity: str, user_identity: str) -> Response:
        """Remove a member, who cannot join again by themselves. With my own identity: leave."""
        services.remove_member(
            user=request.user, room_identity=room_identity, peer_identity=user_identity
        )
        return Response(status=204)


class OwnershipView(APIView):
    also_refuses = (400,)

    @extend_schema(responses=OwnershipSerializer)
    def get(self, request: ApiRequest, room_identity: str) -> Response:
        """Get the owner of a group, and to whom it is offered by me or to me."""
        return Response(selectors.ownership(request.user, room_identity))

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, room_identity: str) -> Response:
        """Withdraw my offer, or decline the one that was made to me."""
        services.end_offer(user=request.user, room_identity=room_identity)
        return Response(status=204)


class AcceptOwnershipView(InboxView):
    also_refuses = (400,)

    @extend_schema(request=None, responses=RoomSerializer)
    def post(self, request: ApiRequest, room_identity: str) -> Response:
        """Become the owner of the group that was offered to me."""
        services.accept_ownership(user=request.user, room_identity=room_identity)
        return Response(self.inbox.room_detail(request.user, room_identity))


class AddedView(APIView):
    @extend_schema(responses=AdderListSerializer)
    def get(self, request: ApiRequest) -> Response:
        """List who has added me to groups that I am in, the latest first."""
        return Response({"results": selectors.adders(request.user)})


class LeaveAddedView(APIView):
    @extend_schema(request=LeaveAddedBody, responses=LeftSerializer)
    def post(self, request: ApiRequest) -> Response:
        """Leave all groups that others have added me to: one user, or in the last days."""
        body = body_of(request, LeaveAddedBody)
        left = services.leave_added(
            user=request.user, added_by=body.get("user_identity", ""), days=body.get("days")
        )
        return Response({"left": left})


class BansView(APIView):
    also_refuses = (403,)

    @extend_schema(responses=BanListSerializer)
    def get(self, request: ApiRequest, room_identity: str) -> Response:
        """List who was removed and cannot join, the newest first. For owner and admins."""
        return Response({"results": selectors.ban_list(request.user, room_identity)})


class BanView(APIView):
    @extend_schema(request=BanBody, responses={204: None})
    def put(self, request: ApiRequest, room_identity: str, user_identity: str) -> Response:
        """Ban somebody. They are removed, and cannot be added until the ban is lifted.

        For owner and admins.
        """
        services.ban(
            user=request.user,
            room_identity=room_identity,
            peer_identity=user_identity,
            **body_of(request, BanBody),
        )
        return Response(status=204)

    @extend_schema(responses={204: None})
    def delete(self, request: ApiRequest, room_identity: str, user_identity: str) -> Response:
        """Lift a ban, or let somebody who was removed join again. For owner and admins."""
        services.lift_ban(
            user=request.user, room_identity=room_identity, peer_identity=user_identity
        )
        return Response(status=204)
