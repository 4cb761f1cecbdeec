from django.urls import URLPattern, path

from rooms import api
from rooms.inbox import Inbox


def routes(inbox: Inbox) -> list[URLPattern]:
    """The API of rooms."""
    accept = api.AcceptOwnershipView.as_view(inbox=inbox)
    return [
        path("rooms/", api.RoomsView.as_view(inbox=inbox)),
        path("rooms/direct/", api.DirectRoomView.as_view(inbox=inbox)),
        path("rooms/lookup/", api.RoomLookupView.as_view()),
        path("rooms/join/", api.JoinByNumberView.as_view(inbox=inbox)),
        path("rooms/added/", api.AddedView.as_view()),
        path("rooms/added/leave/", api.LeaveAddedView.as_view()),
        path("rooms/<str:room_identity>/", api.RoomView.as_view(inbox=inbox)),
        path("rooms/<str:room_identity>/join/", api.JoinView.as_view(inbox=inbox)),
        path("rooms/<str:room_identity>/leave/", api.LeaveView.as_view()),
        path("rooms/<str:room_identity>/members/", api.MembersView.as_view(inbox=inbox)),
        path("rooms/<str:room_identity>/ownership/", api.OwnershipView.as_view()),
        path(
            "rooms/<str:room_identity>/ownership/accept/",
            accept,
        ),
        path("rooms/<str:room_identity>/bans/", api.BansView.as_view()),
        path("rooms/<str:room_identity>/bans/<str:user_identity>/", api.BanView.as_view()),
        path("rooms/<str:room_identity>/members/<str:user_identity>/", api.MemberView.as_view()),
    ]
