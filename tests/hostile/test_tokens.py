"""Forged and stale tokens at both doors (20). tests/accounts/test_tokens.py has the details."""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed

from tests.hostile.target import ANSWER_S, Target


@pytest.fixture(scope="module")
def forged(target: Target) -> dict[str, str]:
    """Tokens that are invalid, each for one reason."""
    secrets = json.loads((target.up.data_dir / "secrets.json").read_text())
    key, other = secrets["JWT_SIGNING_KEY"], secrets["SECRET_KEY"]
    good = jwt.decode(target.alice.access, key, algorithms=["HS256"])
    bob = target.register("bob")
    head, body, signature = target.alice.access.split(".")
    none = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    past = int(time.time()) - 1

    def signed(key: str = key, headers: Any = None, **changes: Any) -> str:
        return jwt.encode(good | changes, key, "HS256", headers=headers)

    return {
        "no token": "x",
        "unsigned": f"{none}.{body}.",
        "unsigned, with a signature": f"{none}.{body}.{signature}",
        "tampered": f"{head}.{body[:-2]}xx.{signature}",
        "the key of cookies": signed(other),
        "expired": signed(exp=past),
        "unknown crit": signed(headers={"crit": ["x"], "x": 1}),
        "of another kind": signed(token_type="refresh"),
        "of no kind": signed(token_type=None),
        "a refresh token": target.alice.refresh,
        "another user, my session": signed(user_id=bob.identity),
        "an operator for a user": signed(user_id={"$ne": None}),
        "an operator for a session": signed(sid={"$gt": ""}),
        "nobody": signed(user_id="0" * 24),
        "no user": signed(user_id="x"),
        "no session": signed(sid=None),
    }


@pytest.mark.usefixtures("untouched")
def test_the_api(target: Target, forged: dict[str, str]) -> None:
    for reason, token in forged.items():
        headers = {"Authorization": f"Bearer {token}"}
        assert target.ask("GET", "/api/v1/users/me/", headers=headers).status_code == 401, reason


@pytest.mark.usefixtures("untouched")
def test_the_socket(target: Target, forged: dict[str, str]) -> None:
    for reason, token in forged.items():
        with target.socket({"Authorization": f"Bearer {token}"}) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=ANSWER_S)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401, reason


@pytest.mark.usefixtures("untouched")
def test_no_token_is_taken_from_an_address(target: Target) -> None:
    for name in ("token", "access_token", "access", "authorization", "jwt"):
        answer = target.ask("GET", f"/api/v1/users/me/?{name}={target.alice.access[:20]}")
        assert answer.status_code == 401
