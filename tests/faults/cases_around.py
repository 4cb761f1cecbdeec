"""Faults around the messages: sign-ins that end, mail, uploads."""

import asyncio
import os
import resource
import secrets
import time
from contextlib import suppress

from PIL import Image

from tests.faults.load import words
from tests.faults.registry import case
from tests.faults.run import Run
from tests.faults.site import Worker
from tests.faults.targets import REDIS_S, WEB_S, forgiven
from tests.images import saved
from tests.system.clients import Client, until
from tests.system.people import PASSWORD, Person, http, mailed_code

TOKEN_S = 5.0  # tests.faults.brief_settings
RENEW_S = 1.5
# Nobody who asks for a code waits for a mail server.
CODE_WITHIN_S = 1.0
# imsystem.jobs tries mail again after 1, 2, 4, 8 s…, and gives a silent server 10 s.
MAIL_WITHIN_S = 20.0
# More than the log, and less than an upload, which is written to disk from 2.5 MB on.
FULL_AT_BYTES = 1024 * 1024
SIDE = 1_100  # pixels: 3.6 MB when no two are alike


# --- sockets that live for long --------------------------------------------------------------


async def _brief_tokens(run: Run) -> None:
    await run.victim.restart(DJANGO_SETTINGS_MODULE="tests.faults.brief_settings")


@case(
    "F17",
    "a socket outlives its access tokens",
    heals_within=WEB_S,
    prepare=_brief_tokens,
    alone=True,
)
async def long_lived(run: Run) -> None:
    """A socket that is renewed in time goes on; one that is not is told when its token ends."""
    await run.open()
    room, speaker = run.rooms[0], run.clients_of(run.rooms[0])[1]
    person = room.members[0]
    phone, tablet = [await _sign_in_at(run.victim, person) for _ in range(2)]
    number = run.site.workers.index(run.victim)
    renewed = await run.connect("renewed", person, number, token=phone.token)
    lapsed = await run.connect("lapsed", person, number, token=tablet.token)
    end = time.monotonic() + TOKEN_S * (6 if run.scale.patient else 1.5)
    while time.monotonic() < end:
        await asyncio.sleep(RENEW_S)
        await _renew(phone, renewed)
        await speaker.send(room.identity, words(run.rng))
    assert not renewed.closes
    await until(lambda: lapsed.closes == [4401], forgiven(TOKEN_S))
    del run.clients["lapsed"]
    run.fault_over()
    await phone.api.aclose()
    await tablet.api.aclose()


async def _sign_in_at(worker: Worker, person: Person) -> Person:
    """The same user on another device, with a token of this worker."""
    async with http(worker.url) as api:
        body = {"account": person.account, "password": PASSWORD}
        return Person(worker.url, person.account, (await api.post("auth/login/", json=body)).json())


async def _renew(device: Person, client: Client) -> None:
    await device.renew()
    answer = await client.ask("auth.renew", token=device.token)
    assert answer["type"] == "ack", answer


# --- mail ------------------------------------------------------------------------------------


@case("F28", "the mail server is away", heals_within=WEB_S)
async def mail_server_away(run: Run) -> None:
    run.site.mail.refuse()
    run.site.mail.reset()
    await _codes_come_later(run, 0.5, 0)


@case("F28b", "the mail server says nothing", heals_within=WEB_S, long_only=True)
async def mail_server_hangs(run: Run) -> None:
    run.site.mail.hold()
    await _codes_come_later(run, 2.0, 1)


async def _codes_come_later(run: Run, short: float, variant: int) -> None:
    """Requests for codes are answered as ever, for known and unknown addresses, and the codes
    arrive in the end."""
    new = f"new-{secrets.token_hex(4)}@example.org"
    # A different user each time: an address gets one code a minute.
    known = run.people[(2 * run.seed + variant) % len(run.people)]
    asked = [
        await _ask_for_code(run, new, "register"),
        await _ask_for_code(run, f"{known.account}@example.org", "reset"),
        await _ask_for_code(run, f"nobody-{secrets.token_hex(4)}@example.org", "reset"),
    ]
    run.note(f"answers after {', '.join(f'{seconds * 1000:.0f}' for seconds in asked)} ms")
    await run.lasts(short, 15.0)
    run.site.mail.reset()
    await run.site.mail.heal()
    began = time.monotonic()
    async with asyncio.timeout(forgiven(MAIL_WITHIN_S)):
        for address in (new, f"{known.account}@example.org"):
            await _mail_comes(run, address)
    run.note(f"both mails were there {time.monotonic() - began:.1f} s after")
    run.fault_over()  # of the messages: none of them had to wait


async def _ask_for_code(run: Run, address: str, purpose: str) -> float:
    async with http(run.victim.url) as api:
        began = time.monotonic()
        answer = await api.post("auth/code/", json={"email": address, "purpose": purpose})
        took = time.monotonic() - began
    assert answer.status_code == 202, answer.text
    assert took < forgiven(CODE_WITHIN_S), f"{took:.1f} s"
    return took


async def _mail_comes(run: Run, address: str) -> None:
    while True:
        with suppress(TimeoutError):
            await mailed_code(run.site.home / "mail", address)
            return


# --- uploads ---------------------------------------------------------------------------------


@case("F21", "no room for uploads on a worker's disk", heals_within=REDIS_S)
async def no_room_for_uploads(run: Run) -> None:
    """Uploads are refused while messages go on; with room again, uploads work."""
    noise = Image.frombytes("RGB", (SIDE, SIDE), os.urandom(SIDE * SIDE * 3))
    large = saved(noise, "PNG", compress_level=0)
    unlimited = resource.prlimit(run.victim.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(run.victim.pid, resource.RLIMIT_FSIZE, (FULL_AT_BYTES, unlimited[1]))
    refused = await _upload(run, large)
    await run.lasts(0.3, 5.0)
    resource.prlimit(run.victim.pid, resource.RLIMIT_FSIZE, unlimited)
    run.fault_over()
    taken = await _upload(run, large)
    assert (refused, taken) == (503, 200)


async def _upload(run: Run, data: bytes) -> int:
    """Returns the status of the answer."""
    person = run.people[0]
    async with http(run.victim.url, person.token) as api:
        kind = {"Content-Type": "image/png"}
        return (await api.put("users/me/avatar/", content=data, headers=kind)).status_code
