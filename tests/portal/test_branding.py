"""The seller's look and rules: applied, refused where nobody could read it, and kept to by the pages."""

from __future__ import annotations

import base64
import gzip
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from testkit.browser.portal import Portal, exact, settled
from testkit.flights import ROOT
from testkit.live import LiveSuite, Tenant

# A black square of one pixel.
LOGO = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
CATALOG = """
kind: Meter
metadata: {name: flights}
spec: {eventTypes: [flight.operated], aggregation: COUNT, groupBy: [origin, gate], unit: flight}
---
kind: Plan
metadata: {name: small}
spec:
  currency: USD
  items:
    - {name: Base fee, fixed: {amount: "20.00"}}
    - {name: Flights, meter: flights, price: {perUnit: "1.25"}}
---
kind: Customer
metadata: {name: acme}
spec: {displayName: Acme Air, currency: USD}
---
kind: Contract
metadata: {name: acme}
spec: {customer: acme, plan: small, start: "2013-12-01", end: "2014-01-01", interval: MONTH, timeZone: America/New_York}
"""
GATES = ("A1", "B2")


@pytest.fixture(scope="module")
def branded(suite: LiveSuite, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    """A tenant with one customer and a few flights."""
    tenant = Tenant.create(suite, "branded", tmp_path_factory.mktemp("branded"))
    tenant.apply(CATALOG)
    tenant.report(
        *(
            {
                "id": f"flight-{number}",
                "source": "test",
                "type": "flight.operated",
                "customer": "acme",
                "time": f"2013-12-{number + 1:02d}T12:00:00Z",
                "properties": {"origin": "JFK", "gate": GATES[number % 2], "crew": f"C{number % 3}"},
            }
            for number in range(10)
        )
    )
    return tenant


def brand(tenant: Tenant, *options: str, expected: int = 0, **profile: Any) -> str:
    """Apply a profile; return what the command said."""
    file = tenant.directory / "profile.yaml"
    file.write_text(yaml.safe_dump(profile), encoding="utf-8")
    done = tenant.run("portal", "brand", file, *options, expected=(expected,))
    return done.stdout + done.stderr


@pytest.fixture
def opened(branded: Tenant, browser: Browser) -> Callable[..., Any]:
    """Open a page of the customer, under the profile of the moment."""
    portal = Portal(branded, browser)

    @contextmanager
    def open_page(path: str = "/", **options: Any) -> Iterator[Page]:
        with portal.page("acme", path, **options) as page:
            yield page

    return open_page


def test_colour_logo_font_radius_and_names_of_the_seller_are_on_the_page(
    branded: Tenant, opened: Callable[..., Any], tmp_path: Path
) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(LOGO)
    labels = {"units": {"flight": {"one": "departure", "other": "departures"}}, "meters": {"flights": "Departures"}}
    brand(
        branded,
        "--logo",
        str(logo),
        sellerName="Acme Cloud",
        accent="#0b6e4f",
        font="Georgia",
        radiusPx=2,
        labels=labels,
    )

    with opened("/usage") as page:
        image = page.locator(".brand img")
        assert image.get_attribute("alt") == "Acme Cloud"
        assert image.evaluate("(one) => one.complete && one.naturalWidth") == 1
        assert "Acme Cloud" in page.title()
        assert "Georgia" in page.locator("h1").evaluate("(one) => getComputedStyle(one).fontFamily")
        assert page.locator(".card").first.evaluate("(one) => getComputedStyle(one).borderTopLeftRadius") == "2px"
        assert (
            page.locator(".toggle input").evaluate("(one) => getComputedStyle(one).accentColor") == "rgb(11, 110, 79)"
        )
        assert "10 departures" in page.locator("dl.kpis").inner_text()


def test_a_colour_that_nobody_could_read_is_refused_with_its_contrast_and_a_better_one(branded: Tenant) -> None:
    said = brand(branded, expected=3, accent="#ffff00")

    assert "1.07:1" in said
    assert "4.5:1" in said


def test_texts_of_the_seller_stand_in_place_of_those_of_the_portal(branded: Tenant, opened: Callable[..., Any]) -> None:
    brand(branded, sellerName="Acme Cloud", texts={"en": {"texts": {"overview.billSoFar": "You owe so far"}}})

    with opened() as page:
        assert page.get_by_text("You owe so far").count() == 1


def test_windows_below_the_floor_are_neither_offered_nor_answered(branded: Tenant, opened: Callable[..., Any]) -> None:
    brand(branded, windowFloor="DAY", hiddenProperties=["gate"])

    with opened("/usage") as page:
        windows = page.locator(".segments").first.locator("button").all_inner_texts()
        groups = page.locator("select[aria-label='Group by'] option").all_inner_texts()
        by_hand = page.request.get("/api/v1/usage?meter=flights&window=hour")
        by_gate = page.request.get("/api/v1/usage?meter=flights&groupBy=gate")
        assert windows == ["Day", "Week", "Month"]
        assert not [group for group in groups if "gate" in group.lower()]
        assert by_hand.status == 400
        assert by_gate.status == 400


def test_usage_is_asked_for_by_any_property_where_the_profile_says_so(
    branded: Tenant, opened: Callable[..., Any]
) -> None:
    brand(branded, anyProperty=True)

    with opened("/usage") as page:
        page.locator("summary", has_text="By another property").click()
        page.locator("form input[name=property]").fill("crew")
        page.keyboard.press("Enter")
        page.locator("tr[data-series=C0]").wait_for()
        crews = exact(page.locator("tr[data-series] button.figure"))
        read = page.locator("[data-read]").get_attribute("data-read")
        page.locator("rect[data-bucket='2013-12-03'][data-series=C2]").click()
        page.locator("meterline-bucket tr[data-event]").first.wait_for()
        behind = page.locator("meterline-bucket tr[data-event]").evaluate_all(
            "(all) => all.map((e) => e.dataset.event)"
        )

    assert crews == ["4", "3", "3"]
    assert int(read or 0) >= 10
    assert behind == ["flight-2"]


def test_a_page_that_is_hidden_is_not_in_the_menu_and_does_not_exist(
    branded: Tenant, opened: Callable[..., Any]
) -> None:
    brand(branded, pages=["OVERVIEW", "PORTAL_PAGE_USAGE"])

    with opened() as page:
        menu = page.locator("nav a").all_inner_texts()
        assert menu == ["Overview", "Usage"]
        assert page.request.get("/api/v1/invoices").status == 404
        assert page.request.get("/api/v1/invoices/draft").status == 404


def test_the_kit_is_small_and_an_edited_one_is_noticed(tmp_path: Path) -> None:
    kit = ROOT / "services/portal/src/portal/assets/kit.js"
    assert len(gzip.compress(kit.read_bytes(), 9)) <= 60 * 1024
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True, timeout=60)
    shutil.copytree(ROOT / "ui", clone / "ui", dirs_exist_ok=True, symlinks=True)
    shutil.copytree(kit.parent, clone / kit.parent.relative_to(ROOT), dirs_exist_ok=True)
    command = [sys.executable, "scripts/build_ui.py", "--check"]
    checked = subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    edited = clone / kit.relative_to(ROOT)
    edited.write_text(edited.read_text(encoding="utf-8") + "// edited\n", encoding="utf-8")

    checked = subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=120, check=False)

    assert checked.returncode != 0
    assert "kit.js" in checked.stdout + checked.stderr


def test_without_usage_a_page_says_what_will_be_there(branded: Tenant, browser: Browser) -> None:
    brand(branded, sellerName="Acme Cloud")
    branded.apply(CATALOG.replace("acme", "idle").replace("Acme Air", "Idle Air"))

    with Portal(branded, browser).page("idle", "/usage") as page:
        expect(page.locator(".empty")).to_be_visible()
        assert page.locator(".empty h2").inner_text() != ""


def test_while_figures_are_on_their_way_their_shape_is_there(opened: Callable[..., Any]) -> None:
    with opened() as page:
        held: list[Any] = []

        # The first question waits until it is let go; those that follow do not.
        def hold(route: Any) -> None:
            held.append(route)
            if len(held) > 1:
                route.continue_()

        page.route("**/api/v1/usage?*", hold)
        with page.expect_request("**/api/v1/usage?*"):
            page.locator("nav a").nth(1).click()
        page.locator(".bones").wait_for()
        held[0].continue_()
        settled(page)
        page.locator("[data-figure=total]").wait_for()


def test_while_the_aggregator_stands_still_old_figures_stay_and_the_chip_says_how_old_they_are(
    suite: LiveSuite, opened: Callable[..., Any]
) -> None:
    with opened("/usage") as page:
        total = page.locator("[data-figure=total] button")
        before = total.get_attribute("data-value")
        page.locator("meterline-freshness .is-live").wait_for()
        page.clock.install()
        process_id = suite.pid("aggregator")
        os.kill(process_id, signal.SIGSTOP)
        try:
            page.clock.fast_forward(31_000)
            page.locator("meterline-freshness .is-late").wait_for(timeout=90_000)
            assert total.get_attribute("data-value") == before == "10"
        finally:
            os.kill(process_id, signal.SIGCONT)
        page.clock.set_system_time(datetime.now(UTC))
        page.locator("meterline-freshness .is-live").wait_for(timeout=90_000)


def test_a_page_whose_figures_cannot_be_had_says_so_and_offers_to_try_again(opened: Callable[..., Any]) -> None:
    with opened() as page:
        page.route("**/api/v1/plan?*", lambda route: route.abort())
        page.locator("nav a").last.click()
        page.locator("[data-problem=unavailable]").wait_for()
        page.get_by_role("button", name="Try again").click(force=True)
        page.locator("[data-problem=unavailable]").wait_for()
        page.unroute("**/api/v1/plan?*")
        # By itself, when figures may have changed, or by the button.
        page.get_by_role("button", name="Try again").evaluate_all("(found) => found.forEach((one) => one.click())")
        page.locator("[data-item]").first.wait_for()
