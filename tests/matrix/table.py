"""Who may do what: one table, and how each action is carried out through every door.

A column is a role in the room, a row an action. `ok`; 401 not signed in (socket: closed with 4401;
page: sent to sign in); 404 hidden, exactly as if it did not exist; 403 visible, but not allowed
(page: told so); `muted` the 403 of muted members. In a room of others everybody is an outsider.
What is refused changes nothing. `staff` is a superuser who is not in the room: the power of the
admin ends where the admin does.
"""

from typing import Any

TABLE = """
action                anonymous  outsider  staff  member  muted  kicked  left  admin  owner
look up the number    401        ok        ok     ok      ok     ok      ok    ok     ok
join                  401        ok        ok     ok      ok     403     ok    ok     ok
join by identity      401        404       404    ok      ok     404     404   ok     ok
see the room          401        404       404    ok      ok     404     404   ok     ok
see the members       401        404       404    ok      ok     404     404   ok     ok
read history          401        404       404    ok      ok     404     404   ok     ok
sync                  401        404       404    ok      ok     404     404   ok     ok
send                  401        404       404    ok      muted  404     404   ok     ok
reply                 401        404       404    ok      muted  404     404   ok     ok
typing                401        404       404    ok      muted  404     404   ok     ok
move the read mark    401        404       404    ok      ok     404     404   ok     ok
edit own              401        404       404    ok      muted  404     404   ok     ok
edit another's        401        404       404    403     muted  404     404   403    403
recall own            401        404       404    ok      ok     404     404   ok     ok
recall another's      401        404       404    403     403    404     404   ok     ok
add a member          401        404       404    403     403    404     404   ok     ok
add who refuses       401        404       404    403     403    404     404   403    403
mute a member         401        404       404    403     403    404     404   ok     ok
mute an admin         401        404       404    403     403    404     404   403    ok
kick a member         401        404       404    403     403    404     404   ok     ok
kick an admin         401        404       404    403     403    404     404   403    ok
kick the owner        401        404       404    403     403    404     404   403    403
see the bans          401        404       404    403     403    404     404   ok     ok
ban a member          401        404       404    403     403    404     404   ok     ok
ban an admin          401        404       404    403     403    404     404   403    ok
ban the owner         401        404       404    403     403    404     404   403    403
ban a stranger        401        404       404    403     403    404     404   ok     ok
lift a ban            401        404       404    403     403    404     404   ok     ok
add who was kicked    401        404       404    403     403    404     404   ok     ok
add who is banned     401        404       404    403     403    404     404   403    403
promote               401        404       404    403     403    404     404   403    ok
demote                401        404       404    403     403    404     404   403    ok
see the ownership     401        404       404    ok      ok     404     404   ok     ok
accept ownership      401        404       404    403     403    404     404   403    403
end the offer         401        404       404    403     403    404     404   403    ok
hand over             401        404       404    403     403    404     404   403    ok
rename                401        404       404    403     403    404     404   ok     ok
close the room        401        404       404    403     403    404     404   ok     ok
hide what was said    401        404       404    403     403    404     404   ok     ok
delete the room       401        404       404    403     403    404     404   403    ok
leave                 401        404       404    ok      ok     404     404   ok     403
"""
HEADER, *ROWS = [line.split("  ") for line in TABLE.strip().splitlines()]
ROLES = [cell.strip() for cell in HEADER if cell.strip()][1:]
CELLS = {
    (cells[0], role): outcome
    for row in ROWS
    for cells in [[cell.strip() for cell in row if cell.strip()]]
    for role, outcome in zip(ROLES, cells[1:], strict=True)
}
# Outsiders who try the room of others: those with the most power elsewhere, and strangers.
VISITORS = ["anonymous", "staff", "owner"]
# These need no membership: knowing the room is enough.
FOR_ALL = {"look up the number", "join"}
# Where these are allowed, they leave a place in which the table no longer holds.
LASTING = {
    "join", "recall own", "recall another's", "add a member", "mute a member", "mute an admin",
    "kick a member", "kick an admin", "ban a member", "ban an admin", "ban a stranger",
    "lift a ban", "add who was kicked", "close the room", "hide what was said", "promote", "demote",
    "end the offer", "hand over", "delete the room", "leave",
}  # fmt: skip
CODES = {"401": "not_authenticated", "404": "not_found", "403": "forbidden", "muted": "muted"}
WORDS = {code: word for word, code in CODES.items()}

# --- the doors: what the placeholders stand for is in world.py ------------------------------

Call = tuple[str, str, Any]

REST: dict[str, Call] = {
    "look up the number": ("GET", "rooms/lookup/?number={number}", None),
    "join": ("POST", "rooms/join/", {"number": "{number}"}),
    "join by identity": ("POST", "rooms/{room}/join/", None),
    "see the room": ("GET", "rooms/{room}/", None),
    "see the members": ("GET", "rooms/{room}/members/", None),
    "read history": ("GET", "rooms/{room}/messages/", None),
    "send": ("POST", "rooms/{room}/messages/", {"client_id": "c", "data": "x"}),
    "reply": (
        "POST",
        "rooms/{room}/messages/",
        {"client_id": "r", "data": "x", "reply_to": "{others}"},
    ),
    "move the read mark": ("POST", "rooms/{room}/read/", {"seq": 1}),
    "edit own": ("PATCH", "messages/{own}/", {"data": "x"}),
    "edit another's": ("PATCH", "messages/{others}/", {"data": "x"}),
    "recall own": ("DELETE", "messages/{own}/", None),
    "recall another's": ("DELETE", "messages/{others}/", None),
    "add a member": ("POST", "rooms/{room}/members/", {"user_identity": "{newcomer}"}),
    "add who refuses": ("POST", "rooms/{room}/members/", {"user_identity": "{hermit}"}),
    "mute a member": ("PATCH", "rooms/{room}/members/{peer}/", {"muted_until": 2**50}),
    "mute an admin": ("PATCH", "rooms/{room}/members/{deputy}/", {"muted_until": 2**50}),
    "kick a member": ("DELETE", "rooms/{room}/members/{peer}/", None),
    "kick an admin": ("DELETE", "rooms/{room}/members/{deputy}/", None),
    "kick the owner": ("DELETE", "rooms/{room}/members/{boss}/", None),
    "see the bans": ("GET", "rooms/{room}/bans/", None),
    "ban a member": ("PUT", "rooms/{room}/bans/{peer}/", {"reason": "x"}),
    "ban an admin": ("PUT", "rooms/{room}/bans/{deputy}/", {}),
    "ban the owner": ("PUT", "rooms/{room}/bans/{boss}/", {}),
    "ban a stranger": ("PUT", "rooms/{room}/bans/{newcomer}/", {}),
    "lift a ban": ("DELETE", "rooms/{room}/bans/{kicked}/", None),
    "add who was kicked": ("POST", "rooms/{room}/members/", {"user_identity": "{kicked}"}),
    "add who is banned": ("POST", "rooms/{room}/members/", {"user_identity": "{banned}"}),
    "promote": ("PATCH", "rooms/{room}/members/{peer}/", {"role": "admin"}),
    "demote": ("PATCH", "rooms/{room}/members/{deputy}/", {"role": "member"}),
    "see the ownership": ("GET", "rooms/{room}/ownership/", None),
    "accept ownership": ("POST", "rooms/{room}/ownership/accept/", None),
    "end the offer": ("DELETE", "rooms/{room}/ownership/", None),
    "hand over": ("PATCH", "rooms/{room}/members/{peer}/", {"role": "owner"}),
    "rename": ("PATCH", "rooms/{room}/", {"name": "Mine"}),
    "close the room": ("PATCH", "rooms/{room}/", {"join_rule": "invite"}),
    "hide what was said": ("PATCH", "rooms/{room}/", {"history": "joined"}),
    "delete the room": ("DELETE", "rooms/{room}/", None),
    "leave": ("POST", "rooms/{room}/leave/", None),
}
SOCKET: dict[str, tuple[str, dict[str, Any]]] = {
    "sync": ("sync", {"rooms": {"{room}": {"seq": 0}}}),
    "send": ("message.send", {"room_identity": "{room}", "client_id": "c", "data": "x"}),
    "reply": (
        "message.send",
        {"room_identity": "{room}", "client_id": "r", "data": "x", "reply_to": "{others}"},
    ),
    "typing": ("typing", {"room_identity": "{room}"}),
    "move the read mark": ("room.read", {"room_identity": "{room}", "seq": 1}),
    "edit own": ("message.edit", {"message_identity": "{own}", "data": "x"}),
    "edit another's": ("message.edit", {"message_identity": "{others}", "data": "x"}),
    "recall own": ("message.recall", {"message_identity": "{own}"}),
    "recall another's": ("message.recall", {"message_identity": "{others}"}),
}
# Commands about nobody but oneself; tests/accounts/test_socket_renewal.py, tests/chat.
OWN_COMMANDS = {"auth.renew", "ping"}

_SETTINGS = "/rooms/{room}/settings/"
PAGES: dict[str, Call] = {
    "look up the number": ("GET", "/rooms/join/?number={number}", None),
    "join": ("POST", "/rooms/join/", {"number": "{number}", "action": "join"}),
    "see the room": ("GET", "/chat/{room}/", None),
    "see the members": ("GET", _SETTINGS, None),
    "read history": ("GET", "/chat/{room}/?before=5", None),
    "send": ("POST", "/chat/{room}/", {"data": "x"}),
    "add a member": ("POST", _SETTINGS, {"action": "add", "account": "{newcomer_account}"}),
    "add who refuses": ("POST", _SETTINGS, {"action": "add", "account": "{hermit_account}"}),
    "kick a member": ("POST", _SETTINGS, {"action": "remove", "user_identity": "{peer}"}),
    "kick an admin": ("POST", _SETTINGS, {"action": "remove", "user_identity": "{deputy}"}),
    "kick the owner": ("POST", _SETTINGS, {"action": "remove", "user_identity": "{boss}"}),
    "ban a member": ("POST", _SETTINGS, {"action": "ban", "user_identity": "{peer}"}),
    "ban an admin": ("POST", _SETTINGS, {"action": "ban", "user_identity": "{deputy}"}),
    "ban the owner": ("POST", _SETTINGS, {"action": "ban", "user_identity": "{boss}"}),
    "lift a ban": ("POST", _SETTINGS, {"action": "lift", "user_identity": "{kicked}"}),
    "add who was kicked": ("POST", _SETTINGS, {"action": "add", "account": "{kicked_account}"}),
    "add who is banned": ("POST", _SETTINGS, {"action": "add", "account": "{banned_account}"}),
    "promote": ("POST", _SETTINGS, {"action": "make_admin", "user_identity": "{peer}"}),
    "demote": ("POST", _SETTINGS, {"action": "make_member", "user_identity": "{deputy}"}),
    "accept ownership": ("POST", _SETTINGS, {"action": "accept"}),
    "end the offer": ("POST", _SETTINGS, {"action": "end_offer"}),
    "hand over": ("POST", _SETTINGS, {"action": "make_owner", "user_identity": "{peer}"}),
    "rename": ("POST", _SETTINGS, {"action": "update", "name": "Mine", "info": ""}),
    "close the room": ("POST", _SETTINGS, {"action": "update", "join_rule": "invite"}),
    "hide what was said": ("POST", _SETTINGS, {"action": "update", "history": "joined"}),
    "delete the room": ("POST", _SETTINGS, {"action": "delete"}),
    "leave": ("POST", _SETTINGS, {"action": "leave"}),
}
# The routes of the original (docs/compatibility.md): "see" and "read" are one there.
SEED: dict[str, Call] = {"read history": ("GET", "/u/chat/list?room_identity={room}", None)}


def filled(template: Any, names: dict[str, str]) -> Any:
    """Returns the template with its placeholders replaced, in texts, lists and keys."""
    if isinstance(template, str):
        return template.format(**names)
    if isinstance(template, dict):
        return {filled(key, names): filled(value, names) for key, value in template.items()}
    return template
