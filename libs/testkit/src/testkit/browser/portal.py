"""The portal of a running suite in a browser: sessions are made as a platform does, and links opened as people do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from testkit.browser.watched import Watched
from testkit.live import Tenant

PAGE_LIMIT_MS: Final = 20_000
WIDE: Final = (1280, 900)
PHONE: Final = (390, 844)
expect.set_options(timeout=PAGE_LIMIT_MS)


@dataclass
class Portal:
    """The portal as one tenant's customers see it."""

    tenant: Tenant
    browser: Browser
    _cookies: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        address: str = self.tenant.suite.context["urls"]["portal"]
        return address

    def link(self, customer: str, *options: str) -> str:
        """Make a link that opens a customer's pages, once."""
        made: str = self.tenant.json("portal", "link", "--customer", customer, *options)["url"]
        return made

    def preview(self, customer: str, month: str) -> Any:
        """Return what invoicing says that the customer's bill of a month is."""
        return self.tenant.json("invoice", "preview", "--contract", f"{customer}-2013", "--period", month)

    @contextmanager
    def context(self, size: tuple[int, int] = WIDE, **options: Any) -> Iterator[BrowserContext]:
        """Give a browser without any session, for the block."""
        options = {"locale": "en-US", "timezone_id": "America/New_York", "color_scheme": "light"} | options
        context = self.browser.new_context(base_url=self.url, viewport={"width": size[0], "height": size[1]}, **options)
        context.set_default_timeout(PAGE_LIMIT_MS)
        try:
            yield context
        finally:
            context.close()

    @contextmanager
    def signed_in(self, customer: str, size: tuple[int, int] = WIDE, **options: Any) -> Iterator[BrowserContext]:
        """Give a browser in which a customer's link was opened. A customer's link is opened once for all of them."""
        with self.context(size, **options) as context:
            if customer in self._cookies:
                context.add_cookies(self._cookies[customer])
            else:
                page = context.new_page()
                open_link(page, self.link(customer))
                self._cookies[customer] = context.cookies()
                page.close()
            yield context

    @contextmanager
    def page(self, customer: str, path: str = "/", size: tuple[int, int] = WIDE, **options: Any) -> Iterator[Page]:
        """Open a page of a customer's, and find at the end that it kept to its policy, its host, and made no error."""
        with self.signed_in(customer, size, **options) as context:
            watched = Watched.over(context.new_page())
            show(watched.page, self.url + path)
            yield watched.page
            assert watched.errors == []
            assert watched.violations() == []
            assert watched.foreign_hosts(self.url.removeprefix("http://")) == set()


def open_link(page: Page, url: str) -> None:
    """Open a link as somebody does who got it by mail: look at it, then press the button."""
    page.goto(url)
    page.get_by_role("button").click()
    settled(page)


def show(page: Page, url: str) -> None:
    """Go to an address of the portal and wait until its figures are there."""
    page.goto(url)
    settled(page)


def settled(page: Page) -> None:
    """Wait until no part of the page waits for figures."""
    page.locator("meterline-portal h1").first.wait_for()
    expect(page.locator(".bones, [aria-busy=true]")).to_have_count(0)


def exact(figures: Locator) -> list[str]:
    """Return the decimal texts of all the figures."""
    found: list[str] = figures.evaluate_all("(found) => found.map((each) => each.getAttribute('data-value'))")
    return found


def bars(page: Page) -> Mapping[tuple[str, str], str]:
    """Return the decimal text of each bar by its bucket and series, without the hours of the week below."""
    found: list[list[str]] = page.locator("rect[data-bucket]:not([data-bucket=''], [data-bucket^=w])").evaluate_all(
        "(found) => found.map((bar) => [bar.dataset.bucket, bar.dataset.series, bar.dataset.value])"
    )
    return {(bucket, series): value for bucket, series, value in found}


def save_picture(page: Page, folder: Path, name: str) -> Path:
    """Keep a picture of the whole page for whoever wants to look at it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path, full_page=True, animations="disabled")
    return path
