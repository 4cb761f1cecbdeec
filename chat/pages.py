"""What the chat page shows, put together for its templates and its script."""

from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, TypedDict

from accounts.models import User
from accounts.payloads import PublicUser, own_user, public_user
from accounts.selectors import users_among
from chat.inbox import room_list
from chat.payloads import MessagePayload
from chat.selectors import DEFAULT_PAGE, HistoryPage, history
from imsystem.clock import now_ms
from imsystem.errors import NotFound
from imsystem.loops import run_on_loop
from rooms.choices import Kind
from rooms.payloads import RoomPayload
from rooms.selectors import is_offered, member_list

# So many messages above the first unread one show what they are about.
READ_SHOWN = 10


class Author(TypedDict):
    """What is shown of a person beside their messages. `handle` is their username if their name can
    be taken for that of another member, otherwise empty."""

    nickname: str
    avatar: str
    handle: str


class MessageRow(TypedDict):
    """One message as the template shows it."""

    message: MessagePayload
    author: Author | None
    at: datetime
    mine: bool


Position = dict[str, int]


def first_view(room: RoomPayload) -> Position:
    """Where a reader starts: at the newest messages, or at the first unread one if it is far up."""
    behind = room["last_seq"] - room["read_seq"] if room["unread"] else 0
    if behind + READ_SHOWN <= DEFAULT_PAGE:
        return {}
    return {"after": max(0, room["read_seq"] - READ_SHOWN)}


def list_context(user: User) -> dict[str, Any]:
    """The page around a conversation: who I am, and my rooms."""
    rooms = room_list(user)
    unread = sum(room["unread"] for room in rooms)
    return {"me": own_user(user), "rooms": rooms, "total_unread": unread, "now": now_ms()}


def room_context(
    user: User, room_identity: str, position: Position | None = None
) -> dict[str, Any]:
    """The page with a room open; NotFound for strangers."""
    context = list_context(user)
    room = next((r for r in context["rooms"] if r["identity"] == room_identity), None)
    if room is None:
        raise NotFound
    page = run_on_loop(
        history(
            user_identity=user.identity,
            room_identity=room_identity,
            **(first_view(room) if position is None else position),
        )
    )
    members = _members(user, room_identity)
    people = members | _former_members(members, page)
    return {
        **context,
        "room": room,
        "page": page,
        "rows": [_row(message, people, user) for message in page["messages"]],
        "members_count": len(members),
        "offered": room["kind"] == Kind.GROUP and is_offered(user, room_identity),
        "member_identities": " ".join(members),
        "bootstrap": _bootstrap(room, page, people),
        "client_id": token_hex(16),
    }


def _members(user: User, room_identity: str) -> dict[str, Author]:
    """The members by identity."""
    found: dict[str, Author] = {}
    for member in member_list(user, room_identity):
        author = _author(member["user"])
        if member.get("lookalike"):
            author["handle"] = member["user"]["account"]
        found[member["user"]["identity"]] = author
    return found


def _former_members(members: dict[str, Author], page: HistoryPage) -> dict[str, Author]:
    """Users who have left and still have messages on the page, by identity."""
    gone = {message["user_identity"] for message in page["messages"]} - members.keys()
    return {pk: _author(public_user(user)) for pk, user in users_among(gone).items()}


def _author(person: PublicUser) -> Author:
    return {"nickname": person["nickname"], "avatar": person["avatar"], "handle": ""}


def _row(message: MessagePayload, people: dict[str, Author], user: User) -> MessageRow:
    return {
        "message": message,
        "author": people.get(message["user_identity"]),
        "at": datetime.fromtimestamp(message["created_at"] / 1000, UTC),
        "mine": message["user_identity"] == user.identity,
    }


def _bootstrap(room: RoomPayload, page: HistoryPage, people: dict[str, Author]) -> dict[str, Any]:
    """What the script needs to go on from what the server has rendered."""
    return {"room": room, "people": people, "page": page}
