"""The pages of rooms: parse, call the service, show or go on."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.pages import PageForm, render_form, sentence, service_errors, signed_in_user
from accounts.selectors import person_by_account
from accounts.sessions import client_ip
from imsystem.errors import AppError, BadRequest, NotFound, RateLimited
from rooms import policies, selectors, services
from rooms.choices import Kind, Role
from rooms.confirmations import confirmation
from rooms.forms import AddedForm, NumberForm, PersonForm, RoomForm, SettingsForm
from rooms.inbox import Inbox
from rooms.payloads import RoomCard, RoomPayload

Action = Callable[[User, str, HttpRequest], HttpResponse]


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = RoomForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            room = services.create_group(creator=user, **form.cleaned_data)
            return redirect("chat:room", room.identity)
    return render_form(request, "rooms/new.html", form)


def _find_room(request: HttpRequest, user: User, form: PageForm) -> RoomCard | None:
    try:
        with service_errors(form):
            return selectors.lookup(user, form.cleaned_data["number"], client_ip(request))
    except NotFound:
        form.add_error("number", _("No group with this number."))
    return None


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, inbox: Inbox) -> HttpResponse:
    """?number= shows the room; POST joins it."""
    user = signed_in_user(request)
    data = request.POST if request.method == "POST" else request.GET
    form = NumberForm(data if "number" in data else None)
    if request.method == "POST" and request.POST.get("action") == "join" and form.is_valid():
        return _join(request, user, form.cleaned_data["number"], inbox)
    card = _find_room(request, user, form) if form.is_valid() else None
    return render_form(request, "rooms/join.html", form, room=card)


def _join(request: HttpRequest, user: User, number: str, inbox: Inbox) -> HttpResponse:
    try:
        room = services.join(user=user, number=number, source=client_ip(request), inbox=inbox)
    except RateLimited:
        raise
    except AppError as exc:
        if not isinstance(exc, NotFound):
            messages.error(request, sentence(exc))
        return redirect(f"{reverse('rooms:join')}?{urlencode({'number': number})}")
    return redirect("chat:room", room.identity)


def _find_person(request: HttpRequest, user: User, account: str) -> User:
    try:
        return person_by_account(user, account, client_ip(request))
    except NotFound:
        message = _("No user with this username.")
        raise BadRequest(errors={"account": [message]}) from None


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def direct(request: HttpRequest, inbox: Inbox) -> HttpResponse:
    user = signed_in_user(request)
    form = PersonForm(request.POST or None, initial={"account": request.GET.get("account", "")})
    if request.method == "POST" and form.is_valid():
        with service_errors(form):
            peer = _find_person(request, user, form.cleaned_data["account"])
            room, _created = services.open_direct(
                user=user, peer_identity=peer.identity, inbox=inbox
            )
            return redirect("chat:room", room.identity)
    return render_form(request, "rooms/direct.html", form)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def added(request: HttpRequest) -> HttpResponse:
    """Who has added me to groups. ?confirm asks before POST leaves them."""
    user = signed_in_user(request)
    data = request.POST if request.method == "POST" else request.GET
    form = AddedForm(data or None)
    if request.method == "POST" and form.is_valid():
        count = services.leave_added(
            user=user,
            added_by=form.cleaned_data["user_identity"],
            days=form.cleaned_data["days"],
        )
        told = ngettext("You have left %(count)d group.", "You have left %(count)d groups.", count)
        messages.success(request, told % {"count": count})
        return redirect("rooms:added")
    adders = selectors.adders(user)
    chosen = [row for row in adders if row["user"]["identity"] == data.get("user_identity")]
    asked = "confirm" in request.GET and form.is_valid()
    context = {"adders": adders, "asked": asked, "chosen": chosen[0] if chosen else None}
    return render_form(request, "rooms/added.html", form, **context)


@login_required
def room(request: HttpRequest, identity: str) -> HttpResponse:
    return redirect("rooms:settings", identity)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, identity: str, inbox: Inbox) -> HttpResponse:
    """Who is in the room and what it is about. POST carries out the `action` of a button."""
    user = signed_in_user(request)
    if request.method == "POST":
        action = _action_of(request, inbox)
        if action is None:
            raise BadRequest
        try:
            return action(user, identity, request)
        except (NotFound, RateLimited):
            raise
        except AppError as exc:
            messages.error(request, sentence(exc))
            return redirect("rooms:settings", identity)
    context = _settings_context(user, inbox.room_detail(user, identity))
    question = confirmation(request.GET, context["room"], context["members"])
    if question is not None:
        return render(request, "rooms/confirm.html", {**context, "question": question})
    return render(request, "rooms/settings.html", context)


def _settings_context(user: User, room: RoomPayload) -> dict[str, Any]:
    identity, member = room["identity"], selectors.membership(user, room["identity"])
    access, group = selectors.access_of(member), room["kind"] == Kind.GROUP
    manages = policies.can_manage(access)
    return {
        "room": room,
        "members": selectors.member_list(user, identity),
        "is_group": group,
        "is_owner": policies.can_own(access),
        "manages": manages,
        "form": SettingsForm(initial=dict(room)),
        "may_leave": policies.can_leave(access),
        "was_added": group and member.added_by != "",
        "ownership": selectors.ownership(user, identity) if group else None,
        "bans": selectors.ban_list(user, identity) if manages else [],
        "person_form": PersonForm(),
    }


def _update(user: User, identity: str, request: HttpRequest) -> HttpResponse:
    changes = {
        name: request.POST[name] for name in SettingsForm.base_fields if name in request.POST
    }
    services.update_room(user=user, room_identity=identity, **changes)
    messages.success(request, _("Saved."))
    return redirect("rooms:settings", identity)


def _leave(user: User, identity: str, request: HttpRequest) -> HttpResponse:
    services.leave(user=user, room_identity=identity)
    messages.success(request, _("You left the group."))
    return redirect("chat:index")


def _delete(inbox: Inbox, user: User, identity: str, request: HttpRequest) -> HttpResponse:
    direct = selectors.membership(user, identity).room.kind == Kind.DIRECT
    services.delete_room(user=user, room_identity=identity, inbox=inbox)
    deleted = _("The group has been deleted.")
    mine = _("The conversation has been deleted for you.")
    messages.success(request, mine if direct else deleted)
    return redirect("chat:index")


def _add(inbox: Inbox, user: User, identity: str, request: HttpRequest) -> HttpResponse:
    peer = _find_person(request, user, request.POST.get("account", ""))
    services.add_member(user=user, room_identity=identity, peer_identity=peer.identity, inbox=inbox)
    return redirect("rooms:settings", identity)


def _remove(user: User, identity: str, request: HttpRequest) -> HttpResponse:
    peer = request.POST.get("user_identity", "")
    services.remove_member(user=user, room_identity=identity, peer_identity=peer)
    return redirect("rooms:settings", identity)


def _accept(user: User, identity: str, request: HttpRequest) -> HttpResponse:
    services.accept_ownership(user=user, room_identity=identity)
    messages.success(request, _("You are now the owner of this group."))
    return redirect("rooms:settings", identity)


def _end_offer(user: User, identity: str, request: HttpRequest) -> HttpResponse:
    services.end_offer(user=user, room_identity=identity)
    return redirect("rooms:settings", identity)


def _ban(user: User, identity: str, request: HttpRequest) -> HttpResponse:
    peer = request.POST.get("user_identity", "")
    services.ban(user=user, room_identity=identity, peer_identity=peer)
    return redirect("rooms:settings", identity)


def _lift(user: User, identity: str, request: HttpRequest) -> HttpResponse:
    peer = request.POST.get("user_identity", "")
    services.lift_ban(user=user, room_identity=identity, peer_identity=peer)
    return redirect("rooms:settings", identity)


def _give_role(role: Role) -> Action:
    def give(user: User, identity: str, request: HttpRequest) -> HttpResponse:
        peer = request.POST.get("user_identity", "")
        services.change_member(user=user, room_identity=identity, peer_identity=peer, role=role)
        return redirect("rooms:settings", identity)

    return give


def _action_of(request: HttpRequest, inbox: Inbox) -> Action | None:
    """What the button does; None for an unknown one."""
    name = request.POST.get("action", "")
    with_inbox = _WITH_INBOX.get(name)
    return partial(with_inbox, inbox) if with_inbox else _ACTIONS.get(name)


_WITH_INBOX = {"add": _add, "delete": _delete}
_ACTIONS: dict[str, Action] = {
    "update": _update,
    "leave": _leave,
    "remove": _remove,
    "ban": _ban,
    "accept": _accept,
    "end_offer": _end_offer,
    "lift": _lift,
    "make_admin": _give_role(Role.ADMIN),
    "make_member": _give_role(Role.MEMBER),
    "make_owner": _give_role(Role.OWNER),
}
