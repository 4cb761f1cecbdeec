"""How a request is called, and who is said to have sent it."""

from typing import Any

import pytest

from imsystem.embedded.proxies import FromProxies
from imsystem.http.identified import identify
from imsystem.ids import is_identity
from imsystem.ops.lines import current_caller

PROXY = "192.0.2.1"
NO_ADDRESSES = [
    *("unknown", "_hidden", "evil\x1b[2J", "10.0.0.1 10.0.0.2", "<script>", "localhost"),
    *("999.1.1.1", "a" * 5_000, "10.0.0.1:x", "[::1", "%00", "\u0661.1.1.1"),
]


async def seen(headers: dict[str, str], peer: str = PROXY, kind: str = "http") -> dict[str, Any]:
    """The scope of a request that came through uvicorn with this proxy trusted."""
    found: dict[str, Any] = {}

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found["id"] = identify(scope)
        found["caller"] = current_caller()
        found["client"] = scope["client"]

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "scheme": "http", "client": (peer, 4_000), "headers": pairs}
    nothing: Any = None
    served: Any = application
    await FromProxies(served, [PROXY])(scope, nothing, nothing)
    return found


class TestClient:
    @pytest.mark.parametrize("kind", ["http", "websocket"])
    @pytest.mark.parametrize("named", NO_ADDRESSES)
    async def test_what_is_no_address_is_nobody(self, named: str, kind: str) -> None:
        found = await seen({"x-forwarded-for": named}, kind=kind)
        assert (found["client"], found["caller"].client) == (None, "")

    @pytest.mark.parametrize(
        ("named", "client"),
        [
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:DB8::7", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            (f"evil, 203.0.113.9, {PROXY}", "203.0.113.9"),
        ],
    )
    async def test_an_address_in_its_usual_form(self, named: str, client: str) -> None:
        found = await seen({"x-forwarded-for": named})
        assert (found["client"][0], found["caller"].client) == (client, client)

    async def test_a_stranger_names_nobody(self) -> None:
        found = await seen({"x-forwarded-for": "203.0.113.9"}, peer="198.51.100.4")
        assert found["client"] == ("198.51.100.4", 4_000)


class TestIdentity:
    @pytest.mark.parametrize(
        "given",
        ["a" * 32, "0b0c7a52-1d2e-4f6c-8a70-25f1a1b7c9aa", "Root=1-67891233-abcdef0123456789"],
    )
    async def test_a_trusted_proxy_gives_one(self, given: str) -> None:
        found = await seen({"x-request-id": given})
        assert (found["id"], found["caller"].request_id) == (given, given)

    @pytest.mark.parametrize("given", ["", "a b", "a\tb", "\u00e9", "a" * 129, 'x","level":"INFO'])
    async def test_of_good_form_only(self, given: str) -> None:
        assert is_identity((await seen({"x-request-id": given}))["id"])

    async def test_a_stranger_does_not(self) -> None:
        found = await seen({"x-request-id": "a" * 32}, peer="198.51.100.4")
        assert is_identity(found["id"])
