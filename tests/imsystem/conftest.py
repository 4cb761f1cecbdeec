"""What backups are made of, and where they are restored to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts import services as accounts
from accounts.models import TwoFactor
from chat import inbox
from chat import services as chat
from chat.models import Message
from imsystem import installation
from imsystem.loops import run_on_loop
from rooms import services as rooms
from tests.backups import SECOND, backup, say
from tests.conftest import Cast, make_cast
from tests.images import picture


@pytest.fixture
def second() -> Iterator[str]:
    """The name of a database that is not there, before and after the test."""
    yield SECOND
    connection.connection.drop_database(SECOND)
    installation._names.pop(SECOND, None)


@pytest.fixture
def world(django_db_blocker: Any) -> Cast:
    """A cast with messages, an edit, a picture, a second factor, a session and a deleted group."""
    cast = make_cast()
    say(cast, *(f"text {number} 你好" for number in range(25)))
    edited = Message.objects.get(room_identity=cast.room.pk, seq=3)
    run_on_loop(
        chat.edit_message(user_identity=cast.owner.pk, message_identity=edited.pk, data="better")
    )
    run_on_loop(chat.mark_read(user_identity=cast.member.pk, room_identity=cast.room.pk, seq=9))
    accounts.set_avatar(user=cast.owner, data=picture())
    TwoFactor(user=cast.admin, secret="sealed").save()
    group = rooms.create_group(creator=cast.admin, name="Gone")
    fields = {"user_identity": cast.admin.pk, "room_identity": group.pk}
    run_on_loop(chat.send_message(**fields, client_id="c", data="left behind"))
    rooms.delete_room(inbox=inbox, user=cast.admin, room_identity=group.pk)
    return cast


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    (tmp_path / "media" / "2026" / "11").mkdir(parents=True)
    (tmp_path / "media" / "2026" / "11" / "a b.bin").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "media" / "empty").touch()
    (tmp_path / "media" / "link").symlink_to("/etc/hostname")
    return tmp_path / "media"


@pytest.fixture
def made(cast: Cast, media: Path, tmp_path: Path) -> Path:
    """A good backup with a file, to be copied and harmed."""
    say(cast, "one", "two")
    backup(tmp_path / "made")
    return tmp_path / "made"
