"""The portal on somebody else's pages: as elements, in a frame and with React, beside whatever stands there already."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page, expect

from meterline import Client
from meterline.suite import context as contexts
from testkit.browser.airlines import PROFILE
from testkit.browser.portal import Portal, bars, exact
from testkit.browser.watched import Watched
from testkit.flights import ROOT
from testkit.live import LiveSuite, Tenant

EXAMPLE = ROOT / "examples" / "embed"
ELEMENT = """<!doctype html>
<html><head><meta charset="utf-8"><style>{style}</style></head><body>
<meterline-usage meter="flights" group-by="origin" billing-period="2013-11"></meterline-usage>
<script type="module">
import {{ configure }} from "{{{{portal}}}}/ui/v1/kit.js";
let asked = 0;
window.failures = [];
addEventListener("meterline-error", (event) => window.failures.push(event.detail));
configure({{ baseUrl: "{{{{portal}}}}", fetchToken: async () => {{ asked += 1; window.asked = asked; {token} }} }});
</script></body></html>
"""
GOOD = "return (await fetch('/portal-token')).text();"
HOSTILE = """
* { letter-spacing: 9px !important; text-transform: uppercase !important; border: 3px solid red !important;
    font-size: 40px !important; background: pink !important; display: inline !important; }
table, td, rect { fill: red !important; color: lime !important; }
"""
TOTAL = "[data-figure=table-total] button"
LOOKS = """() => {
  const find = (root, selector) => { const one = root.querySelector(selector); if (one) return one;
    for (const each of root.querySelectorAll("*")) if (each.shadowRoot) { const two = find(each.shadowRoot, selector);
      if (two) return two; } return null; };
  return ["button.figure", "table th", "h1", "rect[data-bucket]", ".segments button"].map((selector) => {
    const look = getComputedStyle(find(document, selector));
    return [look.fontSize, look.letterSpacing, look.textTransform, look.borderTopWidth, look.color, look.fill,
      look.backgroundColor];
  });
}"""

spec = importlib.util.spec_from_file_location("embed_example", EXAMPLE / "server.py")
assert spec is not None
assert spec.loader is not None
example = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = example
spec.loader.exec_module(example)

Serve = Callable[[Path], AbstractContextManager[str]]


def allow(tenant: Tenant, *origins: str) -> None:
    """Apply the profile with other origins that may embed the portal."""
    profile = tenant.directory / "embedding.yaml"
    profile.write_text(yaml.safe_dump(yaml.safe_load(PROFILE) | {"allowedOrigins": list(origins)}), encoding="utf-8")
    tenant.run("portal", "brand", profile)


@contextmanager
def hosting(tenant: Tenant, pages: Path) -> Iterator[str]:
    """Serve pages as the example does, for one of the tenant's customers; give their origin."""
    portal = tenant.suite.context["urls"]["portal"]
    with Client(contexts.load(tenant.context)) as client, example.Host(client, "UA", portal, pages=pages) as host:
        thread = threading.Thread(target=host.serve_forever)
        thread.start()
        try:
            yield host.url
        finally:
            host.shutdown()
            thread.join()


@pytest.fixture
def opened(portal: Portal, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open a page of somebody else's with the usage element on it."""
    with hosting(portal.tenant, tmp_path) as origin, portal.context() as context:
        allow(portal.tenant, origin)

        def open_page(style: str = "", token: str = GOOD) -> Page:
            (tmp_path / "index.html").write_text(ELEMENT.format(style=style, token=token), encoding="utf-8")
            page = context.new_page()
            page.goto(origin)
            return page

        yield open_page


def test_an_element_on_another_origin_shows_the_same_and_stores_nothing(
    portal: Portal, opened: Callable[..., Page]
) -> None:
    page = opened()
    page.locator(TOTAL).wait_for()

    lines = {line["meter"]: line["quantity"] for line in portal.preview("UA", "2013-11")["lines"]}
    assert exact(page.locator(TOTAL)) == [lines["flights"]]
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.evaluate("window.asked") == 1


def test_hostile_styles_of_the_host_reach_nothing_inside(opened: Callable[..., Page]) -> None:
    plain, hostile = opened(), opened(HOSTILE)
    for page in (plain, hostile):
        page.locator(TOTAL).wait_for()
        page.locator("rect[data-bucket]").first.wait_for()

    assert hostile.evaluate(LOOKS) == plain.evaluate(LOOKS)
    assert hostile.evaluate("getComputedStyle(document.body).letterSpacing") == "9px"


def test_public_properties_of_the_host_reach_legend_and_bars(opened: Callable[..., Page]) -> None:
    page = opened("meterline-usage { --ml-accent: #0b6e4f; --ml-c1: #aa00bb; --ml-font: monospace; }")
    page.locator(TOTAL).wait_for()

    bar = page.locator("rect[data-series=EWR]").first.evaluate("(one) => getComputedStyle(one).fill")
    legend = page.locator("ul.legend li").first.locator("rect, circle, path").first
    assert bar == legend.evaluate("(one) => getComputedStyle(one).fill") == "rgb(170, 0, 187)"
    assert "monospace" in page.locator("h1").evaluate("(one) => getComputedStyle(one).fontFamily")
    toggle = page.locator(".toggle input").evaluate("(one) => getComputedStyle(one).accentColor")
    assert toggle == "rgb(11, 110, 79)"


def test_an_expired_first_token_is_renewed_once_and_nothing_chosen_is_lost(opened: Callable[..., Page]) -> None:
    page = opened(token=f"if (asked === 1) return 'mlp_' + 'A'.repeat(43); {GOOD}")
    page.locator(TOTAL).wait_for()

    assert page.evaluate("window.asked") == 2
    assert len(bars(page)) > 30
    assert page.locator("select[aria-label='Group by']").input_value() == "origin"


def test_choices_outlive_the_token_that_they_were_made_with(portal: Portal, opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator(TOTAL).wait_for()
    page.get_by_role("button", name="Week", exact=True).click()
    page.locator("rect[data-bucket='2013-11-04']").first.wait_for()
    for session in portal.tenant.json("portal", "sessions", "--customer", "UA")["sessions"]:
        if session["kind"] == "embed":
            portal.tenant.run("portal", "revoke", session["id"])
    page.locator("select[aria-label=Meter]").select_option("air-minutes")

    expect(page.locator("dl.kpis")).to_contain_text("minutes")
    assert page.evaluate("window.asked") == 2
    assert page.locator(".segments [aria-pressed=true]").first.inner_text() == "Week"


def test_a_host_that_gives_no_token_is_told_and_the_reader_is_too(opened: Callable[..., Page]) -> None:
    page = opened(token="throw new Error('signed out');")
    page.locator("[data-problem]").wait_for()

    assert page.locator("[data-problem]").get_attribute("data-problem") == "expired"
    assert [failure["kind"] for failure in page.evaluate("window.failures")][:1] == ["expired"]
    assert page.get_by_role("button", name="Try again").count() == 1


def test_a_frame_of_an_allowed_origin_works_without_any_cookie(portal: Portal) -> None:
    with hosting(portal.tenant, example.PAGES) as origin, portal.context() as context:
        allow(portal.tenant, origin)
        watched = Watched.over(context.new_page())
        watched.page.goto(f"{origin}/frame.html?tenant={portal.tenant.name}")
        frame = watched.page.frame_locator("iframe")
        frame.locator("tr[data-invoice]").first.wait_for()
        height = watched.page.locator("iframe").evaluate("(one) => one.clientHeight")

        assert frame.locator("tr[data-invoice]").count() >= 2
        assert height > 200
        assert context.cookies() == []
        assert watched.errors == []


@pytest.fixture(scope="module")
def another(suite: LiveSuite, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    """Another tenant, whose profile allows another page."""
    tenant = Tenant.create(suite, "another", tmp_path_factory.mktemp("another"))
    allow(tenant, "https://another.example.com")
    return tenant


def test_a_frame_of_another_origin_is_refused_and_each_tenant_has_its_own_list(portal: Portal, another: Tenant) -> None:
    with hosting(portal.tenant, example.PAGES) as origin, portal.context() as context:
        allow(portal.tenant, origin)
        page = context.new_page()
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.goto(f"{origin}/frame.html?tenant={another.name}")
        page.wait_for_function("document.querySelector('meterline-frame').shadowRoot.querySelector('iframe') !== null")
        page.locator("iframe").wait_for()
        expect(page.frame_locator("iframe").locator("meterline-frame-content")).to_have_count(0)
        own, theirs = (
            context.request.get(f"{portal.url}/embed/{name}/usage").headers["content-security-policy"]
            for name in (portal.tenant.name, another.name)
        )

    assert f"frame-ancestors {origin}" in own
    assert "frame-ancestors https://another.example.com" in theirs


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node and npm")
def test_the_example_with_react_shows_usage_and_hears_of_choices(portal: Portal, tmp_path: Path) -> None:
    folder = tmp_path / "embed"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "react.js", "__pycache__"))
    for command in (["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        subprocess.run(command, cwd=folder / "react", check=True, capture_output=True, timeout=120)

    with hosting(portal.tenant, folder / "pages") as origin, portal.context() as context:
        allow(portal.tenant, origin)
        page = context.new_page()
        page.goto(f"{origin}/react.html")
        page.locator("meterline-usage rect[data-series=EWR]").first.wait_for()
        page.locator("meterline-cost rect[data-series]").first.wait_for()
        page.locator("meterline-usage").get_by_role("button", name="Week", exact=True).click()
        expect(page.locator("#said")).to_contain_text("window=week")
        page.get_by_role("button", name="Group or not").click()
        page.locator("meterline-usage rect[data-series='']").first.wait_for()
