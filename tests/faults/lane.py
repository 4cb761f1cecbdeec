"""Carries out cases one after another on one site, and on a new one when it cannot be repaired."""

import tempfile
import time
from pathlib import Path

from tests.faults.registry import Case, Result, perform
from tests.faults.run import Scale
from tests.faults.site import Site

# Access tokens last for 15 minutes.
RENEW_S = 600.0


class Lane:
    """`home` is where its sites keep data and logs. The rest is as for Site."""

    def __init__(self, home: Path, *, mongodb_url: str = "", careless: bool = False) -> None:
        self._home = home
        self._mongodb_url = mongodb_url
        self._careless = careless
        self._site: Site | None = None
        self._signed_in = 0.0

    async def once(self, case: Case, seed: int, scale: Scale) -> Result:
        """Carries out one run. A system that does not come back is a finding, too."""
        try:
            site = await self._healthy_site()
            return await perform(case, site, seed, scale)
        except Exception as exc:
            await self.stop()
            return Result(case, seed, wrong=[f"the system did not come back: {exc!r}"])

    async def _healthy_site(self) -> Site:
        if self._site is None:
            self._home.mkdir(parents=True, exist_ok=True)
            home = Path(tempfile.mkdtemp(dir=self._home))
            self._site = Site(home, mongodb_url=self._mongodb_url, careless=self._careless)
            await self._site.start()
            self._signed_in = time.monotonic()
        if time.monotonic() - self._signed_in > RENEW_S:
            await self._site.renew()
            self._signed_in = time.monotonic()
        return self._site

    async def stop(self) -> None:
        site, self._site = self._site, None
        if site is not None:
            await site.stop()
