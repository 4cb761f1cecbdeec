"""Whatever is sent to the original's routes gets the one envelope, and a refusal changes
nothing."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import DeviceSession, User
from imsystem.redis import sync_redis
from rooms.models import Member, Room
from tests.conftest import Cast
from tests.mailbox import delivered
from tests.seed import Seed

NASTY = st.sampled_from(
    ["", " ", "\u200b", "\x00", "alice", "a.*", "$ne", "{}", "123456", "-1", "1", "x" * 300, "%00"]
)
TEXT = NASTY | st.text(max_size=40) | st.emails()
FIELDS = {
    "/login": ("POST", ["account", "password", "otp"]),
    "/send/code": ("POST", ["email"]),
    "/register": ("POST", ["code", "email", "account", "password"]),
    "/u/user/detail": ("GET", []),
    "/u/user/query": ("GET", ["account"]),
    "/u/user/add": ("POST", ["account"]),
    "/u/user/delete": ("DELETE", ["identity"]),
    "/u/chat/list": ("GET", ["room_identity", "page_index", "page_size"]),
}
ROOM = "the room"
LOGGERS = ("chat.compat", "accounts", "django")


def world() -> list[Any]:
    """Returns everything that a refusal must not change."""
    kept = (User, DeviceSession, Room, Member)
    return [*(list(model.objects.order_by("pk").values()) for model in kept), len(delivered())]


@pytest.fixture
def seeds(cast: Cast) -> list[Seed]:
    """Returns clients of a member of the room and of an outsider."""
    return [Seed(cast.owner), Seed(cast.outsider)]


@pytest.mark.parametrize("path", FIELDS)
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_one_envelope_and_no_change(
    cast: Cast, seeds: list[Seed], caplog: pytest.LogCaptureFixture, path: str, data: st.DataObject
) -> None:
    method, names = FIELDS[path]
    fields = {name: data.draw(TEXT | st.just(ROOM)) for name in names}
    fields |= data.draw(st.dictionaries(TEXT, TEXT | st.lists(TEXT, max_size=3), max_size=2))
    known = {ROOM: cast.room.pk, "alice": cast.member.account}
    fields = {name: known.get(str(value), value) for name, value in fields.items()}
    sync_redis().flushdb()  # limits are tested elsewhere
    seed = data.draw(st.sampled_from(seeds))
    before = world()
    call = getattr(seed, method.lower())
    body = call(path, fields) if method == "POST" else call(path, **fields)
    assert set(body) <= {"code", "msg", "data"}
    assert body["code"] in (200, -1)
    # Ignores what others log meanwhile: the hub, for example, tells of processes that have gone.
    assert not [one for one in caplog.records if one.exc_info or one.name.startswith(LOGGERS)]
    if body["code"] == -1:
        assert set(body) == {"code", "msg"}
        assert world() == before
