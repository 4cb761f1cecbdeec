"""What users do besides talking, as the background of a soak: nobody keeps a record of it, but no
answer may be an error that nobody expects."""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

import httpx

from tests.faults.load import words
from tests.faults.run import CLIENT, Run
from tests.images import picture
from tests.system.clients import Client
from tests.system.people import PASSWORD, http

# Seconds between one and the next, on average.
LOOKS_S, READS_S, VISITS_S, CHANGES_S, SIGNS_IN_S, UPLOADS_S = 0.2, 0.2, 2.0, 1.0, 6.0, 10.0
PASSING = {"unavailable", "rate_limited", "disconnected", "timeout"}


class Life:
    """Runs inside `async with`. `outcomes` counts the results of everything, `wrong` has the
    unexpected ones."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rng = random.Random(run.seed)
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._own_room = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        work: Sequence[tuple[Callable[[], Awaitable[None]], float]] = (
            (self._look_around, LOOKS_S),
            (self._read_and_type, READS_S),
            (self._visit, VISITS_S),
            (self._change_one_s_mind, CHANGES_S),
            (self._sign_in_and_out, SIGNS_IN_S),
            (self._upload, UPLOADS_S),
        )
        self._tasks = [asyncio.create_task(self._again(*each)) for each in work]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                self.wrong.append(f"nobody expected {ended!r}")

    async def _again(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0, 2 * pause))
            await work()

    # --- over REST -------------------------------------------------------------------------

    async def _ask(
        self, api: httpx.AsyncClient, method: str, path: str, **options: object
    ) -> httpx.Response | None:
        """Returns the answer if it is a good one. 429, 503 and broken connections are tolerated."""
        try:
            answer = await api.request(method, path, **options)  # type: ignore[arg-type]
        except httpx.HTTPError:
            self.outcomes["no answer"] += 1
            return None
        self.outcomes[f"{answer.status_code // 100}xx"] += 1
        if answer.status_code not in (429, 503) and not answer.is_success:
            self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer if answer.is_success else None

    def _somewhere(self, token: str = "") -> httpx.AsyncClient:
        return http(self.rng.choice(self.run.site.workers).front_url, token)

    async def _look_around(self) -> None:
        person = self.rng.choice(self.run.people)
        room = self.rng.choice(self.run.rooms_of(person))
        async with self._somewhere(person.token) as api:
            for path in ("rooms/", f"rooms/{room}/messages/?limit=50", f"rooms/{room}/members/"):
                await self._ask(api, "GET", path)

    async def _sign_in_and_out(self) -> None:
        person = self.rng.choice(self.run.people)
        async with self._somewhere() as api:
            body = {"account": person.account, "password": PASSWORD}
            answer = await self._ask(api, "POST", "auth/login/", json=body)
            if answer is not None:
                refresh = answer.json()["refresh"]
                await self._ask(api, "POST", "auth/logout/", json={"refresh": refresh})

    async def _upload(self) -> None:
        person = self.rng.choice(self.run.people)
        colour = tuple(self.rng.randrange(256) for _ in range(3))
        content, kind = picture("PNG", colour=colour), {"Content-Type": "image/png"}
        async with self._somewhere(person.token) as api:
            await self._ask(api, "PUT", "users/me/avatar/", content=content, headers=kind)

    # --- over sockets ----------------------------------------------------------------------

    async def _ask_socket(self, client: Client, kind: str, **fields: object) -> None:
        answer = await client.ask(kind, **fields)
        code = answer.get("code", "ack")
        self.outcomes[code] += 1
        if code not in (*PASSING, "ack"):
            self.wrong.append(f"{kind}: {answer}")

    async def _read_and_type(self) -> None:
        device, client = self.rng.choice(list(self.run.clients.items()))
        room = self.rng.choice(self.run.rooms_of(self.run.of[device]))
        seq = client.rooms[room].seq
        if seq:
            await self._ask_socket(client, "room.read", room_identity=room, seq=seq)

    async def _visit(self) -> None:
        """A user looks in on another device for a moment."""
        person = self.rng.choice(self.run.people)
        urls = [worker.front_url for worker in self.run.site.workers]
        visitor = Client(self.rng.sample(urls, len(urls)), person.token, patience=CLIENT)
        for device, client in self.run.clients.items():
            if self.run.of[device] is person:  # nobody starts from nothing each time
                visitor.know(client)
        try:
            async with visitor:
                await asyncio.sleep(self.rng.uniform(0.1, 3))
            self.outcomes["visits"] += 1
        except TimeoutError:
            self.outcomes["no answer"] += 1

    async def _change_one_s_mind(self) -> None:
        """A message is sent, edited and recalled in a room of its own."""
        owner = self.run.site.people[-1]  # none of those whose devices are watched
        async with self._somewhere(owner.token) as api:
            if not self._own_room:
                made = await self._ask(api, "POST", "rooms/", json={"name": "Notes"})
                self._own_room = made.json()["identity"] if made is not None else ""
                return
            fields = {"client_id": secrets.token_hex(8), "data": words(self.rng)}
            path = f"rooms/{self._own_room}/messages/"
            sent = await self._ask(api, "POST", path, json=fields)
            if sent is not None:
                message = f"messages/{sent.json()['identity']}/"
                await self._ask(api, "PATCH", message, json={"data": words(self.rng)})
                await self._ask(api, "DELETE", message)
