"""What uvicorn makes of the headers of trusted proxies, and that it was one of them who asked."""

from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware


class FromProxies(ProxyHeadersMiddleware):
    """Uvicorn's, which puts the client of a trusted proxy in its place, and notes that it did."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        peer = scope.get("client")
        scope["from_proxy"] = bool(peer) and peer[0] in self.trusted_hosts
        await super().__call__(scope, receive, send)
