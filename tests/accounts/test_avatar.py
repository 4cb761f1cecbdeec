"""Profile pictures, from the upload through the API to the address they are shown at."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.test.client import encode_multipart

from accounts import services
from accounts.models import Avatar, User
from accounts.pictures import SIDE
from imsystem.client_limits import AVATAR_BYTES
from imsystem.errors import NotAuthenticated
from imsystem.ids import is_identity
from tests.api import NO_CREDENTIALS, Api, bad_request, initial, problem
from tests.images import BLUE, GREEN, RED, gif, near, opened, picture, png_header

ROUTE = "/api/v1/users/me/avatar/"
BOUNDARY = "boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
NO_PICTURE = bad_request(avatar=["We can't read this picture. Use JPEG, PNG, WebP or GIF."])
NOT_ONE = bad_request(avatar=["Send exactly one picture."])
TOO_LARGE = problem(413, "Request Entity Too Large", "too_large", "Pictures can be at most 5 MB.")


def put(api: Api, body: bytes, content_type: str = "image/png", **headers: str) -> HttpResponse:
    headers = {**api.headers, **headers}
    extra = {} if body else {"CONTENT_TYPE": content_type}  # Django's client then forgets it
    return api.client.generic("PUT", ROUTE, body, content_type, headers=headers, **extra)


def part(name: str, data: bytes, filename: str = "me.png", kind: str = "image/png") -> bytes:
    """Returns one part of a form, with the file's name as it is given."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename else ""
    return f"{head}\r\nContent-Type: {kind}\r\n\r\n".encode() + data + b"\r\n"


def put_form(api: Api, *parts: bytes) -> HttpResponse:
    return put(api, b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), FORM)


def shown(path: str) -> Any:
    """Returns the picture at an address as a stranger gets it."""
    answer = Client().get(path)
    assert answer.status_code == 200, path
    return opened(answer.content)


def world() -> list[Any]:
    """Returns what a refused upload must not change."""
    users = User.objects.order_by("pk").values_list("pk", "avatar", "updated_at")
    return [list(users), sorted(Avatar.objects.values_list("pk", flat=True))]


@pytest.fixture
def api(alice: User) -> Api:
    return Api(alice)


@pytest.fixture
def unchanged(alice: User, api: Api) -> Iterator[None]:
    """Gives Alice a picture, and checks afterwards that she still has it."""
    assert put(api, picture("PNG")).status_code == 200
    before = world()
    yield
    assert world() == before


# --- the way of a picture -------------------------------------------------------------------


def test_from_the_initial_to_a_picture_and_back(alice: User, api: Api) -> None:
    letter = initial(alice.pk, "Alice")
    own = {**api.get("users/me/").json()}
    assert own["avatar"] == letter
    assert b">A</text>" in Client().get(letter).content

    answer = put(api, picture("PNG", colour=GREEN))
    alice.refresh_from_db()
    avatar = Avatar.objects.get()
    address = f"/avatars/{avatar.pk}.webp"
    assert (answer.status_code, answer.json()) == (200, {**own, "avatar": address})
    assert (alice.avatar, avatar.user_id, is_identity(avatar.pk)) == (avatar.pk, alice.pk, True)
    assert shown(address).size == (SIDE, SIDE)
    assert near(shown(address), (128, 128), GREEN)
    assert api.get("users/me/").json()["avatar"] == address

    answer = api.delete("users/me/avatar/")
    assert (answer.status_code, answer.json()) == (200, own)
    assert Avatar.objects.count() == 0
    assert Client().get(address).status_code == 404
    assert api.delete("users/me/avatar/").json() == own  # may be repeated


@pytest.mark.parametrize("name", ["avatar", "file"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_as_a_form(api: Api, name: str, kind: str) -> None:
    answer = put_form(api, part(name, picture(kind, colour=BLUE)))
    assert answer.status_code == 200
    assert near(shown(answer.json()["avatar"]), (128, 128), BLUE)


def test_as_django_writes_forms(api: Api) -> None:
    body = encode_multipart(BOUNDARY, {"avatar": Upload(picture()), "note": "x"})
    assert put(api, body, FORM).status_code == 200


class Upload:
    """Returns a file for Django's test client."""

    name = "我.jpg"

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        return self._data


def test_a_new_picture_takes_the_place_of_the_old(api: Api) -> None:
    first, second = (put(api, picture("PNG", colour=c)).json()["avatar"] for c in (RED, BLUE))
    assert first != second
    assert Client().get(first).status_code == 404
    assert near(shown(second), (5, 5), BLUE)
    assert Avatar.objects.count() == 1


def test_everybody_gets_the_address(alice: User, bob: User, api: Api) -> None:
    address = put(api, picture()).json()["avatar"]
    assert Api(bob).get(f"users/{alice.pk}/").json()["avatar"] == address
    [found] = Api(bob).get("users/?account=alice").json()["results"]
    assert found["avatar"] == address
    room = Api(bob).post("rooms/direct/", {"user_identity": alice.pk}).json()
    assert (room["avatar"], room["peer"]["avatar"]) == (address, address)
    theirs = api.get(f"rooms/{room['identity']}/").json()
    assert theirs["avatar"] == initial(bob.pk, "Bob")
    members = api.get(f"rooms/{room['identity']}/members/").json()["results"]
    assert {member["user"]["avatar"] for member in members} == {address, initial(bob.pk, "Bob")}


def test_a_change_of_name_changes_the_initial(alice: User, api: Api) -> None:
    changed = api.patch("users/me/", {"nickname": "小明"}).json()
    assert changed["avatar"] == f"/avatars/initial/{alice.pk[-1]}-5c0f.svg"
    assert "小".encode() in Client().get(changed["avatar"]).content


def test_nobody_chooses_the_address(alice: User, api: Api) -> None:
    api.patch("users/me/", {"avatar": "x"})
    alice.refresh_from_db()
    assert alice.avatar == ""


def test_addresses_cannot_be_guessed_from_each_other(api: Api) -> None:
    one, other = (put(api, picture()).json()["avatar"][9:33] for _ in range(2))
    assert sum(a != b for a, b in zip(one, other, strict=True)) > 12


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", picture("BMP"), picture("JPEG")[:400], b"<svg onload='alert(1)'/>",
     b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"],
    ids=["nothing", "text", "bmp", "half", "svg", "polyglot"],
)  # fmt: skip
@pytest.mark.parametrize("as_form", [False, True])
def test_what_is_no_picture(api: Api, unchanged: None, data: bytes, as_form: bool) -> None:
    answer = put_form(api, part("avatar", data)) if as_form else put(api, data, "image/svg+xml")
    assert (answer.status_code, answer.json()) == (400, NO_PICTURE)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (png_header(50_000, 50_000), "Pictures can have at most 40 megapixels."),
        (gif(10_000), "Animated pictures are not supported."),
    ],
)
def test_bombs(api: Api, unchanged: None, data: bytes, text: str) -> None:
    answer = put(api, data)
    assert (answer.status_code, answer.json()) == (400, bad_request(avatar=[text]))


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [part("avatar", picture(), filename="")],  # a text field
        [part("picture", picture())],
        [part("avatar", picture()), part("avatar", picture())],
        [part("avatar", picture()), part("file", picture())],
        [part("avatar", picture()), part("other", b"x")],
        [part("avatar", b"x", filename=f"{number}") for number in range(1_001)],
        [part(f"f{number}", b"x", filename="") for number in range(1_001)],
        [part("avatar", picture()), part("note", b"x" * 6_000_000, filename="")],
    ],
    ids=["none", "text", "name", "twice", "both", "another", "1001", "1001 fields", "long field"],
)
def test_forms_without_exactly_one_picture(api: Api, unchanged: None, parts: list[bytes]) -> None:
    answer = put_form(api, *parts)
    assert answer.json() in (NOT_ONE, TOO_LARGE)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"--boundary", FORM),
        (picture(), FORM),
        (picture(), "multipart/form-data"),
        (part("avatar", picture()), "multipart/form-data; boundary="),
        (part("avatar", picture()), "multipart/form-data; boundary=" + "x" * 300),
        (part("avatar", picture()), "multipart/form-data; boundary=ä"),
    ],
)
def test_forms_that_are_none(api: Api, unchanged: None, body: bytes, kind: str) -> None:
    answer = put(api, body, kind)
    assert (answer.status_code, answer.json()) == (400, NOT_ONE)


@pytest.mark.parametrize(
    "kind",
    ["application/json", "text/html; charset=utf-7", "application/octet-stream", "",
     "application/x-www-form-urlencoded", "imagination"],
)  # fmt: skip
def test_other_content_types(api: Api, unchanged: None, kind: str) -> None:
    answer = put(api, picture(), kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\x.png", "C:\\x.png", "con", "a\x00.png", "x" * 300, "a\r\nX: y",
     "\u202egpj.exe", "a%00.html", "x.svg", "<script>"],
)  # fmt: skip
def test_the_name_of_the_file_means_nothing(api: Api, name: str) -> None:
    answer = put_form(api, part("avatar", picture(), filename=name, kind="text/html"))
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert near(shown(answer.json()["avatar"]), (9, 9), RED)


def padded(size: int) -> bytes:
    """Returns a valid picture of exactly this many bytes."""
    data = picture("JPEG")
    return data + bytes(size - len(data))


@pytest.mark.parametrize("as_form", [False, True])
def test_five_megabytes_and_not_one_byte_more(api: Api, as_form: bool) -> None:
    def send(data: bytes) -> HttpResponse:
        return put_form(api, part("avatar", data)) if as_form else put(api, data, "image/jpeg")

    assert send(padded(AVATAR_BYTES)).status_code == 200
    before = world()
    for more in (1, 20_000, 3_000_000):
        answer = send(padded(AVATAR_BYTES + more))
        assert (answer.status_code, answer.json()) == (413, TOO_LARGE)
    assert world() == before


def test_twenty_uploads_an_hour(alice: User, bob: User, api: Api) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        api = Api(alice)
        for number in range(20):
            assert put(api, picture() if number % 2 else b"x").status_code != 429
        before = world()
        refused = put(api, picture())
        detail = "Too many requests. Please try again later."
        expected = problem(429, "Too Many Requests", "rate_limited", detail)
        assert (refused.status_code, refused.json()) == (429, expected)
        assert 0 < int(refused["Retry-After"]) <= 3600
        assert world() == before
        assert put(Api(bob), picture()).status_code == 200
        clock.shift(timedelta(seconds=3601))
        assert put(Api(alice), picture()).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_strangers_change_nothing(alice: User, method: str) -> None:
    answer = Client().generic(method, ROUTE, picture(), content_type="image/png")
    assert (answer.status_code, answer.json()) == (401, NO_CREDENTIALS)
    assert Avatar.objects.count() == 0


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "TRACE"])
def test_other_methods(api: Api, method: str) -> None:
    assert api.call(method, "users/me/avatar/").status_code == 405


def test_a_cookie_needs_a_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="accounts.backends.AccountBackend")
    client.get("/accounts/profile/")
    options: dict[str, Any] = {"data": picture(), "content_type": "image/jpeg"}
    assert client.generic("PUT", ROUTE, **options).status_code == 403
    assert Avatar.objects.count() == 0
    token = {"X-CSRFToken": client.cookies["csrftoken"].value}
    assert client.generic("PUT", ROUTE, **options, headers=token).status_code == 200


# --- at the same moment ---------------------------------------------------------------------


@pytest.mark.usefixtures("no_limits")
def test_two_uploads_at_once_leave_one_picture(alice: User) -> None:
    def upload(colour: tuple[int, int, int]) -> None:
        services.set_avatar(user=User(pk=alice.pk), data=picture("PNG", (9, 9), colour))

    with ThreadPoolExecutor(3) as pool:
        for _ in range(20):
            list(pool.map(upload, (RED, GREEN, BLUE)))
            alice.refresh_from_db()
            assert list(Avatar.objects.values_list("pk", flat=True)) == [alice.avatar]


@pytest.mark.usefixtures("no_limits")
def test_whoever_looks_meanwhile_finds_a_picture(alice: User) -> None:
    services.set_avatar(user=alice, data=picture("PNG", (9, 9)))
    with ThreadPoolExecutor(1) as pool:
        for _ in range(20):
            change = pool.submit(services.set_avatar, user=alice, data=picture("PNG", (9, 9)))
            while not change.done():
                assert User.objects.get(pk=alice.pk).avatar != ""
            change.result()


@pytest.mark.usefixtures("no_limits")
def test_removing_while_uploading_leaves_no_orphan(alice: User) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            upload = pool.submit(
                services.set_avatar, user=User(pk=alice.pk), data=picture("PNG", (9, 9))
            )
            remove = pool.submit(services.remove_avatar, user=User(pk=alice.pk))
            upload.result(), remove.result()
            alice.refresh_from_db()
            stored = list(Avatar.objects.values_list("pk", flat=True))
            assert stored == ([alice.avatar] if alice.avatar else [])


def test_nothing_is_kept_of_somebody_who_left_meanwhile(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(NotAuthenticated):
        services.set_avatar(user=alice, data=picture())
    assert (Avatar.objects.count(), User.objects.get().avatar) == (0, "")


def test_what_a_crash_left_behind_goes_with_the_next_picture(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        Avatar(pk="a" * 24, user=alice, data=b"old").save(force_insert=True)
        services.set_avatar(user=alice, data=picture())
        assert Avatar.objects.count() == 2  # it may be on its way
        clock.shift(timedelta(hours=1, seconds=1))
        services.set_avatar(user=alice, data=picture())
        assert Avatar.objects.count() == 1


@pytest.fixture
def no_limits(settings: Any) -> None:
    settings.RATE_LIMITS = False
