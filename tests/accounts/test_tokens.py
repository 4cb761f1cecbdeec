"""Tokens: which are refused, that refresh tokens are single-use, and what revoking a session
ends."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.conf import settings

from accounts import services
from accounts.models import DeviceSession, User
from accounts.tokens import Tokens, make_tokens, read_access, read_refresh
from imsystem.clock import now_ms
from imsystem.errors import NotAuthenticated
from tests.api import NOT_AUTHENTICATED, Api


def refresh(token: str) -> Tokens | None:
    try:
        return services.refresh(refresh=token)
    except NotAuthenticated:
        return None


def me(access: str) -> int:
    return Api(Authorization=f"Bearer {access}").get("users/me/").status_code


def test_an_access_token_lasts_15_minutes(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        api = Api(alice)
        clock.shift(timedelta(minutes=15, seconds=-1))
        assert api.get("users/me/").status_code == 200
        clock.shift(timedelta(seconds=1))
        assert api.get("users/me/").status_code == 401


def test_a_refresh_token_lasts_30_days(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        api = Api(alice)
        clock.shift(timedelta(days=30, seconds=-1))
        tokens = refresh(api.refresh)
        assert tokens
        clock.shift(timedelta(days=30))
        assert refresh(tokens.refresh) is None


LIFETIME = timedelta(days=180)
MONTHS = [timedelta(days=29)] * 6  # 174 days


def test_a_device_session_ends_after_180_days_however_busy(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        tokens = first = Api(alice)
        for month in MONTHS:
            clock.shift(month)
            tokens = refresh(tokens.refresh)
        clock.move_to(datetime(2026, 11, 22, 10, tzinfo=UTC) + LIFETIME - timedelta(seconds=1))
        tokens = refresh(tokens.refresh)
        assert me(tokens.access) == 200
        ends = first.session.expires_at
        assert [read_access(tokens.access).expires_at_ms, read_refresh(tokens.refresh).expires_at_ms
                ] == [ends, ends]  # fmt: skip
        clock.shift(1)
        assert me(tokens.access) == 401
        assert refresh(tokens.refresh) is None
        assert first.get("auth/sessions/").status_code == 401


def test_the_last_tokens_of_a_session_are_shorter(alice: User) -> None:
    session = DeviceSession(user=alice)
    month, quarter_of_an_hour = 30 * 86_400_000, 900_000
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False):
        for left in (1, quarter_of_an_hour, month):
            for difference in (-1000, 0, 1000):
                session.expires_at = now_ms() + left + difference
                tokens = make_tokens(session)
                lives = [read(token).expires_at_ms - now_ms() for read, token in
                         ((read_access, tokens.access), (read_refresh, tokens.refresh))
                         if left > 1 or difference > 0]  # fmt: skip
                short = (left + difference) // 1000 * 1000
                assert lives == [min(short, quarter_of_an_hour), min(short, month)][: len(lives)]


def test_an_expired_session_is_over_even_for_a_token_that_is_not(alice: User) -> None:
    api = Api(alice)
    DeviceSession.objects.update(expires_at=now_ms())
    assert api.get("users/me/").status_code == 401
    assert refresh(api.refresh) is None
    assert DeviceSession.objects.get().revoked_at is None  # and this was no reuse


def test_a_revoked_session_is_over_by_whichever_clock(alice: User) -> None:
    """The clock of the process that revoked it may be ahead."""
    api = Api(alice)
    DeviceSession.objects.update(revoked_at=now_ms() + 90_000)
    assert api.get("users/me/").status_code == 401


def test_a_session_remembers_the_token_before(alice: User) -> None:
    api = Api(alice)
    before = DeviceSession.objects.get().refresh_hash
    tokens = refresh(api.refresh)
    session = DeviceSession.objects.get()
    assert (session.refresh_hash, session.rotated_from) == (tokens.refresh_hash, before)
    assert before == read_refresh(api.refresh).token_hash


def test_refresh_gives_a_pair_for_the_same_device(alice: User) -> None:
    api = Api(alice)
    tokens = refresh(api.refresh)
    assert tokens
    claims = read_access(tokens.access)
    assert (claims.user_identity, claims.session_identity) == (alice.pk, api.session.identity)
    assert me(tokens.access) == 200
    assert refresh(tokens.refresh)


def test_reuse_ends_the_whole_device_session(alice: User, closed: list[str]) -> None:
    api, other = Api(alice), Api(alice)
    first = refresh(api.refresh)
    second = refresh(first.refresh)
    assert refresh(api.refresh) is None
    assert refresh(second.refresh) is None
    assert me(second.access) == 401
    assert api.get("users/me/").status_code == 401
    assert f"session:{api.session.identity}" in closed
    assert other.get("users/me/").status_code == 200


def test_of_two_refreshes_at_once_one_wins(alice: User) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            api = Api(alice)
            outcomes = list(pool.map(refresh, [api.refresh, api.refresh]))
            assert outcomes.count(None) == 1
            # One of the two was a thief: the session ends for both.
            assert [refresh(tokens.refresh) for tokens in outcomes if tokens] == [None]
            assert api.get("users/me/").status_code == 401


def test_no_refresh_after_the_session_ended(alice: User) -> None:
    api = Api(alice)
    services.sign_out(session=api.session)
    assert refresh(api.refresh) is None


def test_deactivation_ends_tokens_at_once(alice: User) -> None:
    api = Api(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert refresh(api.refresh) is None
    assert api.get("users/me/").status_code == 401


def test_a_deleted_user_and_a_deleted_session(alice: User, bob: User) -> None:
    of_alice, of_bob = Api(alice), Api(bob)
    User.objects.filter(pk=alice.pk).delete()
    DeviceSession.objects.filter(user=bob).delete()
    for api in (of_alice, of_bob):
        assert api.get("users/me/").status_code == 401
        assert refresh(api.refresh) is None


def test_the_database_keeps_only_a_hash(alice: User) -> None:
    api = Api(alice)
    kept = json.dumps(list(DeviceSession.objects.values()))
    assert api.refresh not in kept
    assert jwt.decode(api.refresh, options={"verify_signature": False})["jti"] not in kept


def forge(claims: dict[str, Any], key: str | None = None, **options: Any) -> str:
    return jwt.encode(claims, settings.JWT_SIGNING_KEY if key is None else key, **options)


def unsigned(token: str, header: dict[str, Any]) -> str:
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def renamed(token: str, algorithm: str) -> str:
    """Our own signature under the name of another algorithm."""
    signature = token.rpartition(".")[2]
    return unsigned(token, {"alg": algorithm, "typ": "JWT"}) + signature


_rsa = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
RSA_KEY = _rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
# Uses the bare bytes: PyJWT itself refuses to sign with what looks like a public key.
RSA_PUBLIC = _rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
JWK = {"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 40).decode().rstrip("=")}


def bad_tokens(alice: User, bob: User) -> dict[str, str]:
    api = Api(alice)
    good = api.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(good, options={"verify_signature": False})
    other_session = Api(bob).session.identity
    return {
        "empty": "",
        "words": "not a token",
        "two parts": "a.b",
        "three parts": "a.b.c",
        "64 kB": "x" * 65_536,
        "non-ASCII": "é.é.é",
        "tampered": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "other key": forge(claims, "k" * 40),
        "SECRET_KEY": forge(claims, settings.SECRET_KEY),
        "HS512": forge(claims, algorithm="HS512", key=settings.JWT_SIGNING_KEY * 2),
        "none": unsigned(good, {"alg": "none", "typ": "JWT"}),
        "None": unsigned(good, {"alg": "None", "typ": "JWT"}),
        "crit": forge(claims, headers={"crit": ["x"], "x": 1}),
        "crit known": forge(claims, headers={"crit": ["exp"], "exp": claims["exp"]}),
        "own key enclosed": forge(claims, "k" * 40, headers={"jwk": JWK, "kid": "../../dev/null"}),
        "key elsewhere": forge(claims, "k" * 40, headers={"jku": "https://evil.example/jwks"}),
        "RS256": forge(claims, RSA_KEY, algorithm="RS256"),
        "RS256 in name": renamed(good, "RS256"),
        "HS256 with a public key": forge(claims, RSA_PUBLIC),
        "ES256 in name": renamed(good, "ES256"),
        "not yet": forge({**claims, "nbf": claims["exp"]}),
        "refresh": api.refresh,
        "no type": forge({k: v for k, v in claims.items() if k != "token_type"}),
        "no jti": forge({k: v for k, v in claims.items() if k != "jti"}),
        "no exp": forge({k: v for k, v in claims.items() if k != "exp"}),
        "expired": forge({**claims, "exp": 1}),
        "exp text": forge({**claims, "exp": "soon"}),
        "no user": forge({k: v for k, v in claims.items() if k != "user_id"}),
        "user is an operator": forge({**claims, "user_id": {"$ne": None}}),
        "user is no identity": forge({**claims, "user_id": "x"}),
        "user is a number": forge({**claims, "user_id": 1}),
        "unknown user": forge({**claims, "user_id": "f" * 24}),
        "other user": forge({**claims, "user_id": bob.pk}),
        "no session": forge({k: v for k, v in claims.items() if k != "sid"}),
        "session is an operator": forge({**claims, "sid": {"$gt": ""}}),
        "other user's session": forge({**claims, "sid": other_session}),
        "unknown session": forge({**claims, "sid": "f" * 24}),
    }


def test_tokens_that_are_refused(alice: User, bob: User) -> None:
    for name, token in bad_tokens(alice, bob).items():
        response = Api(Authorization=f"Bearer {token}").get("users/me/")
        assert response.json() == NOT_AUTHENTICATED, name
        assert response.status_code == 401, name
        assert response["WWW-Authenticate"] == 'Bearer realm="api"', name
        assert response["Content-Type"] == "application/problem+json", name


@pytest.mark.parametrize("header", ["Bearer", "Basic YTpi", "Bearer {0} {0}", "{0}", "Token {0}"])
def test_headers_that_are_refused(alice: User, header: str) -> None:
    token = Api(alice).headers["Authorization"].removeprefix("Bearer ")
    response = Api(Authorization=header.format(token)).get("users/me/")
    assert (response.status_code, response.json()) == (401, NOT_AUTHENTICATED)


def test_a_token_in_the_address_is_no_token(alice: User) -> None:
    token = Api(alice).headers["Authorization"].removeprefix("Bearer ")
    assert Api().get(f"users/me/?token={token}&access_token={token}").status_code == 401


def test_an_access_token_does_not_refresh(alice: User) -> None:
    api = Api(alice)
    tokens = make_tokens(api.session)
    assert refresh(tokens.access) is None
    assert api.get("users/me/").status_code == 200  # and is no reuse of a refresh token


def test_what_is_no_claim_is_refused_before_the_database(alice: User) -> None:
    tokens = make_tokens(DeviceSession(user=alice))
    assert read_refresh(tokens.refresh).token_hash == tokens.refresh_hash
    claims = jwt.decode(tokens.access, options={"verify_signature": False})
    for token in (
        tokens.refresh,
        forge({**claims, "user_id": {"$ne": None}}),
        forge({**claims, "sid": "x"}),
    ):
        with pytest.raises(NotAuthenticated):
            read_access(token)
    with pytest.raises(NotAuthenticated):
        read_refresh(tokens.access)
