"""The eight HTTP routes. Fields come from forms (POST) or the query (GET, DELETE)."""

from django.http import HttpRequest, HttpResponse, QueryDict

from accounts import services, trusted_devices
from accounts.canonical import valid_account
from accounts.codes import Purpose
from accounts.models import User
from accounts.selectors import person_by_account
from accounts.sessions import client_ip, device_name
from chat import inbox
from chat.compat import payloads, texts
from chat.compat.auth import token_data, user_of
from chat.compat.envelope import Refused, done, route
from chat.heads import room_head
from chat.payloads import MessagePayload
from chat.selectors import MAX_PAGE, history
from imsystem.errors import BadRequest
from imsystem.loops import run_on_loop
from rooms.access import access
from rooms.selectors import shared_direct
from rooms.services import close_direct, open_direct

DEFAULT_PAGE = 20
CLOSED = {
    "registration_closed": texts.REGISTRATION_CLOSED,
    "invitation_required": texts.REGISTRATION_CLOSED,
}


def _field(fields: QueryDict, name: str) -> str:
    """The first value, as in the original; "" when there is none."""
    return next(iter(fields.getlist(name)), "")


# --- for people who are not signed in -------------------------------------------------------


@route(
    "POST",
    broken=texts.SYSTEM_ERROR,
    bad_credentials=texts.WRONG_NAME_OR_PASSWORD,
    otp_required=texts.NEEDS_OTP,
    bad_otp=texts.WRONG_CODE,
)
def login(request: HttpRequest) -> HttpResponse:
    """`otp` is ours, for who uses two-factor authentication."""
    account, password = _field(request.POST, "account"), _field(request.POST, "password")
    if not account or not password:
        raise Refused(texts.NO_NAME_OR_PASSWORD)
    signed_in = services.sign_in(
        account=account,
        password=password,
        ip=client_ip(request),
        device=device_name(request),
        device_token=trusted_devices.token_of(request),
        with_tokens=True,
        otp=_field(request.POST, "otp"),
    )
    trusted_devices.trust(request, signed_in.user)
    return done(texts.SIGNED_IN, token_data(signed_in))


@route("POST", broken=texts.SYSTEM_ERROR, **CLOSED)
def send_code(request: HttpRequest) -> HttpResponse:
    """Unlike the original, does not tell whether the address has an account."""
    email = _field(request.POST, "email")
    if not email:
        raise Refused(texts.NO_EMAIL)
    services.send_code(
        email=email,
        purpose=Purpose.REGISTER,
        ip=client_ip(request),
        device_token=trusted_devices.token_of(request),
    )
    return done(texts.CODE_SENT)


@route("POST", broken=texts.SYSTEM_ERROR, **CLOSED)
def register(request: HttpRequest) -> HttpResponse:
    user = _register(
        account=_field(request.POST, "account"),
        password=_field(request.POST, "password"),
        email=_field(request.POST, "email"),
        code=_field(request.POST, "code"),
        ip=client_ip(request),
    )
    signed_in = services.sign_in_user(user=user, ip=client_ip(request), device=device_name(request))
    trusted_devices.trust(request, user)
    return done(texts.SIGNED_IN, token_data(signed_in))


def _register(*, ip: str, **fields: str) -> User:
    if not all(fields.values()):
        raise BadRequest
    valid_account(fields["account"])  # from here on an error of `account` says that it is taken
    try:
        # The original speaks nothing but Chinese.
        return services.register(**fields, ip=ip, language="zh-hans")
    except BadRequest as exc:
        if "account" in exc.errors:
            raise Refused(texts.ACCOUNT_TAKEN) from None
        if "code" in exc.errors:
            raise Refused(texts.WRONG_CODE) from None
        raise


# --- people ---------------------------------------------------------------------------------


@route("GET", broken=texts.QUERY_FAILED)
def user_detail(request: HttpRequest) -> HttpResponse:
    return done(texts.LOADED, payloads.user_detail(user_of(request)))


@route("GET", broken=texts.QUERY_FAILED)
def user_query(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    other = _person(request, user, _field(request.GET, "account"))
    found = payloads.found_user(
        other,
        oneself=other.pk == user.pk,
        room_identity=shared_direct(user.identity, other.identity),
    )
    return done(texts.LOADED, found)


@route(
    "POST", broken=texts.DATABASE_FAILED, not_found=texts.QUERY_FAILED, forbidden=texts.MAY_NOT_ADD
)
def user_add(request: HttpRequest) -> HttpResponse:
    """Friends are two people with a conversation: it opens here."""
    user = user_of(request)
    other = _person(request, user, _field(request.POST, "account"))
    if other.pk == user.pk or shared_direct(user.identity, other.identity):
        raise Refused(texts.FRIENDS_ALREADY)
    open_direct(user=user, peer_identity=other.identity, inbox=inbox)
    return done(texts.ADDED)


@route("DELETE", broken=texts.SYSTEM_FAILURE, not_found=texts.NO_FRIENDS)
def user_delete(request: HttpRequest) -> HttpResponse:
    """Deletes one's own side of the conversation; adding again brings it back, empty."""
    user = user_of(request)
    identity = _field(request.GET, "identity")
    if not identity:
        raise BadRequest
    close_direct(user=user, peer_identity=identity, inbox=inbox)
    return done(texts.DELETED)


def _person(request: HttpRequest, user: User, account: str) -> User:
    """The active person of this account; BadRequest without a name, NotFound for an unknown one,
    RateLimited after too many of these."""
    if not account:
        raise BadRequest
    return person_by_account(user, account, client_ip(request))


# --- messages -------------------------------------------------------------------------------


@route("GET", broken=texts.SYSTEM_FAILURE, not_found=texts.NOT_YOUR_ROOM)
def chat_list(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    room_identity = _field(request.GET, "room_identity")
    if not room_identity:
        raise Refused(texts.NO_ROOM)
    index = _number(_field(request.GET, "page_index"), absent=1, most=2**53)
    size = _number(_field(request.GET, "page_size"), absent=DEFAULT_PAGE, most=MAX_PAGE)
    messages = run_on_loop(_page(user.identity, room_identity, index, size))
    return done(texts.LOADED, {"list": [payloads.chat_line(message) for message in messages]})


def _number(text: str, *, absent: int, most: int) -> int:
    """A number from 1 to `most`; BadRequest for anything else."""
    if not text:
        return absent
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and 1 <= int(text) <= most):
        raise BadRequest
    return int(text)


async def _page(
    user_identity: str, room_identity: str, index: int, size: int
) -> list[MessagePayload]:
    """Page `index` (from 1) of a room, newest message first; NotFound for strangers.

    A page is a range of seq, however far back: the original's skip() reads all that it skips.
    """
    await access(user_identity, room_identity)
    head = await room_head(room_identity)
    newest = max(0, head.last_seq - (index - 1) * size)
    page = await history(
        user_identity=user_identity, room_identity=room_identity, before=newest + 1, limit=size
    )
    return page["messages"][::-1]
