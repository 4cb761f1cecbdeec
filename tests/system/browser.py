"""Users with a browser: what they do on the pages, and what their console says meanwhile."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    async_playwright,
    expect,
)

from tests.system.people import PASSWORD, Person, mailed_code, unique

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WAIT_MS = 10_000
# What Chromium writes into the console when a server or the network is away.
FAILED_CONNECTION = re.compile(
    r"net::ERR_(CONNECTION_\w+|INTERNET_DISCONNECTED|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED|ABORTED)"
    r"|WebSocket connection to '\S+' failed"
)
# Every violation of the content security policy, also those that block nothing visible.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""


def chromium() -> str:
    """Returns where Chromium is. Skips the test without it, fails it with REQUIRE_BROWSER=1."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        reason = "Chromium is not installed (chromium or google-chrome on the PATH)"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    executable = chromium()
    expect.set_options(timeout=WAIT_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        await browser.close()


class Visitor:
    """A user at a browser of their own."""

    def __init__(self, context: BrowserContext, page: Page, url: str) -> None:
        self.context = context
        self.page = page
        self.url = url
        self.account = ""
        self.problems: list[str] = []
        self._away = False
        self._statuses: set[str] = set()
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)

    # --- what the console says -------------------------------------------------------------

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not self._expected(message.text):
            self.problems.append(message.text)

    def _on_error(self, error: Error) -> None:
        self.problems.append(f"uncaught: {error}")

    def _expected(self, text: str) -> bool:
        if any(f"status of {status}" in text for status in self._statuses):
            return True
        return self._away and FAILED_CONNECTION.search(text) is not None

    def expects(self, status: str) -> None:
        """From now on, answers with this status are expected."""
        self._statuses.add(status)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Inside, failed connections are expected."""
        self._away = True
        yield
        self._away = False

    # --- accounts and rooms ----------------------------------------------------------------

    async def register(self, mails: Path, name: str) -> None:
        """Registers through the page, with the code from the mail."""
        self.account = unique(name)
        address = f"{self.account}@example.org"
        await self.page.goto(f"{self.url}/accounts/register/")
        await self.page.fill("[name=email]", address)
        await self.page.click("button[value=send_code]")
        await expect(self.page.locator(".notice.success")).to_contain_text(address)
        await self.page.fill("[name=code]", await mailed_code(mails, address))
        await self.page.fill("[name=account]", self.account)
        await self.page.fill("[name=password]", PASSWORD)
        await self.page.fill("[name=nickname]", name.title())
        await self.page.click("button[value=register]")
        await self.page.wait_for_url("**/chat/")

    async def sign_in(self, person: Person) -> None:
        self.account = person.account
        await self.page.goto(f"{self.url}/accounts/login/")
        await self.page.fill("[name=account]", person.account)
        await self.page.fill("[name=password]", PASSWORD)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url("**/chat/")

    async def open_room(self, room: str) -> None:
        """Goes there, and waits until the page's script has begun its work."""
        await self.page.goto(f"{self.url}/chat/{room}/")
        await expect(self.composer).to_be_focused()

    async def create_room(self, name: str) -> str:
        """Creates a group, goes there, and returns its number."""
        await self.page.goto(f"{self.url}/rooms/new/")
        await self.page.fill("[name=name]", name)
        await self.page.get_by_role("button", name="Create group").click()
        await expect(self.log).to_be_visible()
        found = re.search(r"\b[0-9]{6,9}\b", await self.page.locator("main header").inner_text())
        assert found
        return found[0]

    async def join_room(self, number: str) -> None:
        await self.page.goto(f"{self.url}/rooms/join/")
        await self.page.fill("[name=number]", number)
        await self.page.get_by_role("button", name="Find group").click()
        await self.page.get_by_role("button", name="Join", exact=True).click()
        await expect(self.log).to_be_visible()

    async def write_to(self, account: str) -> None:
        """Opens the direct chat with somebody."""
        await self.page.goto(f"{self.url}/rooms/direct/")
        await self.page.fill("[name=account]", account)
        await self.page.get_by_role("button", name="Start chat").click()
        await expect(self.log).to_be_visible()

    # --- the conversation ------------------------------------------------------------------

    @property
    def log(self) -> Locator:
        return self.page.locator("[role=log]")

    @property
    def composer(self) -> Locator:
        return self.page.locator("textarea").last

    @property
    def banner(self) -> Locator:
        return self.page.locator("[role=status]")

    def message(self, text: str) -> Locator:
        return self.log.locator("[data-client-id]").filter(has_text=text)

    async def say(self, text: str) -> None:
        await expect(self.composer).to_be_focused()  # the page's script has begun its work
        await self.composer.fill(text)
        await self.composer.press("Enter")

    async def sees(self, text: str, timeout: float = WAIT_MS) -> None:
        """The message is there once, as sent."""
        await expect(self.message(text)).to_have_attribute("data-state", "sent", timeout=timeout)
        await expect(self.message(text)).to_have_count(1)

    async def edit(self, text: str, new: str) -> None:
        await self._choose(text, "edit")
        editor = self.message(text).locator("textarea")
        await editor.fill(new)
        await editor.press("Enter")

    async def recall(self, text: str) -> None:
        await self._choose(text, "recall")

    async def _choose(self, text: str, action: str) -> None:
        await self.message(text).hover()
        await self.message(text).locator("summary").click()
        await self.message(text).locator(f"[data-role={action}]").click()

    async def seqs(self) -> list[int]:
        """Returns the seq of every message on the page, from the top."""
        elements = await self.log.locator("[data-message-id]").all()
        return [int(await element.get_attribute("data-seq") or 0) for element in elements]

    async def texts(self) -> list[str]:
        return await self.log.locator("[data-message-id] .text").all_inner_texts()


async def visit(browser: Browser, url: str, **options: Any) -> Visitor:
    """A browser window that shares nothing with others."""
    context = await browser.new_context(**{"locale": "en-US", **options})
    context.set_default_timeout(WAIT_MS)
    await context.add_init_script(REPORT_VIOLATIONS)
    return Visitor(context, await context.new_page(), url)


async def sign_in_at(browser: Browser, person: Person, **options: Any) -> Visitor:
    """A window of its own in which this user is signed in. `options` are those of a context."""
    visitor = await visit(browser, person.url, **options)
    await visitor.sign_in(person)
    return visitor
