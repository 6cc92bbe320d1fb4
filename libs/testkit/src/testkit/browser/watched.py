"""A tab that keeps what must not happen on a page: requests to other hosts, violations of its policy, errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request

_KEEP_VIOLATIONS = """
window.meterlineViolations = [];
addEventListener("securitypolicyviolation", (event) =>
    window.meterlineViolations.push(`${event.violatedDirective} ${event.blockedURI}`), true);
"""


@dataclass
class Watched:
    """What a tab did."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def over(cls, page: Page) -> Watched:
        """Watch a tab that has opened nothing yet."""
        watched = cls(page)
        page.add_init_script(_KEEP_VIOLATIONS)
        page.on("request", watched._requested)
        page.on("console", watched._said)
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        return watched

    def violations(self) -> list[str]:
        """Return what the page tried against its policy."""
        found: list[str] = self.page.evaluate("window.meterlineViolations ?? []")
        return found

    def foreign_hosts(self, *own: str) -> set[str]:
        """Return the hosts, with their ports, that were asked besides its `own`."""
        hosts = {urlsplit(url).netloc for url in self.requests if not url.startswith(("data:", "blob:"))}
        return hosts - set(own)

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        # A status that is no success is said by the browser itself; tests that want one look at the page.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)
