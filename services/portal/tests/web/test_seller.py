"""The seller's pages over HTTP: each with the token of whoever looks, and no right that the token does not give."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from portal.domain import unbilled
from testkit.portal.fake_rating import ODD
from testkit.portal.world import FEE, PRICE, bounds

API = "/api/v1/operator"
GREY = "#cccccc"


def seller(portal: Any, scopes: Sequence[str] = ("read",), tenant: str = "acme") -> httpx.AsyncClient:
    """Somebody of the seller, with a token of the suite."""
    token = portal.key.mint(tenant, list(scopes), subject="jane", now_s=portal.clock.now().timestamp())
    client: httpx.AsyncClient = portal.bearer(token)
    return client


async def records(portal: Any, tenant: str, method: str) -> list[tuple[str, str]]:
    """Who called a method, and how it ended."""
    query = text("SELECT subject, outcome FROM audit_record WHERE tenant = :tenant AND method LIKE :method")
    async with portal.engine.connect() as conn:
        rows = (await conn.execute(query, {"tenant": tenant, "method": f"%/{method}"})).all()
    return [(row.subject, row.outcome) for row in rows]


async def test_customers_are_found_by_the_beginning_of_key_or_name(portal: Any) -> None:
    async with seller(portal) as client:
        found = (await client.get(f"{API}/customers", params={"search": "ua"})).json()
        nothing = (await client.get(f"{API}/customers", params={"search": "zz"})).json()

    assert [one["key"] for one in found["customers"]] == ["UA"]
    assert nothing == {"customers": [], "next": None}


async def revenue(client: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    """The sums of some months, with the rows of all pages."""
    whole: dict[str, Any] = (await client.get(f"{API}/revenue", params=params)).json()
    page = whole
    while page["next"]:
        page = (await client.get(f"{API}/revenue", params={**params, "after": page["next"]})).json()
        whole["rows"] += page["rows"]
    return whole


@pytest.mark.parametrize("cut", ["customer", "item", "plan"])
async def test_revenue_is_the_sum_of_the_bills_however_it_is_cut(portal: Any, cut: str) -> None:
    async with seller(portal) as client:
        both = await revenue(client, billingPeriod="2013-11", months=2, by=cut)
        october = await revenue(client, billingPeriod="2013-10", by=cut)

    billed = sum(used(portal, "2013-10"), Decimal(0))
    assert [Decimal(one["amount"]) for one in both["totals"]] == [billed + sum(used(portal, "2013-11"), Decimal(0))]
    assert [(Decimal(one["amount"]), Decimal(one["final"])) for one in october["totals"]] == [(billed, billed)]
    assert [(one["invoices"], one["drafts"]) for one in both["totals"]] == [(2, 2)]
    assert sum(Decimal(row["amount"]) for row in both["rows"]) == Decimal(both["totals"][0]["amount"])
    assert sum(Decimal(row["final"]) for row in both["rows"]) == billed
    assert both["isWhole"]


def used(portal: Any, month: str) -> list[Decimal]:
    """What each customer's bill of a month comes to."""
    return [FEE + PRICE * len(portal.world.used(customer, *bounds(month))) for customer in portal.world.flights]


async def test_the_catalog_tells_versions_prices_and_who_is_on_them(portal: Any) -> None:
    async with seller(portal) as client:
        plan = (await client.get(f"{API}/catalog")).json()["plans"][0]

    assert [(one["version"], one["isComing"]) for one in plan["versions"]] == [(3, True), (2, False), (1, False)]
    prices = {(item["model"], item["unit"], item["unitPrice"]) for item in plan["versions"][0]["items"]}
    assert ("perUnit", "flight", "2.5") in prices
    assert {one["customer"] for one in plan["contracts"]} == {"UA", "DL"}


async def test_what_is_odd_about_prices_is_told_the_worst_first(portal: Any) -> None:
    async with seller(portal) as client:
        told = (await client.get(f"{API}/catalog/findings")).json()

    unused, falls, missing = ODD
    assert [one["message"] for one in told["findings"]] == [missing.message, falls.message, unused.message]
    assert told["findingCount"] == len(ODD)
    assert told["findings"][1] == {
        "level": "warning",
        "code": "total-falls",
        "plan": "standard",
        "item": "Flights",
        "meter": "flights",
        "quantity": "100.5",
        "message": falls.message,
    }
    nothing = {name: told["findings"][2][name] for name in ("level", "plan", "item", "meter", "quantity")}
    assert nothing == {"level": "info", "plan": None, "item": None, "meter": "bags", "quantity": None}


async def test_unbilled_usage_has_its_reason_and_a_command(portal: Any) -> None:
    async with seller(portal) as client:
        page = (await client.get(f"{API}/unbilled")).json()

    (row,) = page["rows"]
    assert (row["reason"], row["detail"], row["eventCount"], row["quantity"]) == ("PARKED", "VALUE_MISSING", 2, None)
    assert row["command"] == "meterline get parked flights --customer UA"


@pytest.mark.parametrize("language", ["de", "fr"])
def test_reasons_that_the_server_words_are_told_in_every_language(language: str) -> None:
    texts = (Path(unbilled.__file__).parent.parent / "assets" / f"seller_{language}.js").read_text(encoding="utf-8")

    assert [meaning for meaning in unbilled.MEANINGS.values() if f'"{meaning}": ' not in texts] == []


async def test_looking_as_a_customer_needs_a_reason_and_is_recorded(portal: Any) -> None:
    body = {"customer": "UA", "kind": "operator"}
    async with seller(portal, ["read", "admin"], "looks") as client:
        refused = await client.post(f"{API}/sessions", json=body)
        made = await client.post(f"{API}/sessions", json={**body, "reason": "ticket 4711"})
        listed = (await client.get(f"{API}/sessions")).json()["sessions"]
        ended = await client.delete(f"{API}/sessions/{made.json()['id']}")
        after = (await client.get(f"{API}/sessions")).json()["sessions"]
        all_of_them = (await client.get(f"{API}/sessions", params={"ended": True})).json()["sessions"]

    assert (refused.status_code, refused.json()["reason"]) == (400, "FIELD_REQUIRED")
    assert made.json()["url"].startswith(f"{portal.url}/l/")
    assert made.json()["token"] is None
    assert [(one["createdBy"], one["reason"], one["isOver"]) for one in listed] == [("jane", "ticket 4711", False)]
    assert (ended.status_code, after) == (204, [])
    assert [(one["createdBy"], one["reason"], one["isOver"]) for one in all_of_them] == [("jane", "ticket 4711", True)]
    assert sorted(await records(portal, "looks", "CreateSession")) == [("jane", "FIELD_REQUIRED"), ("jane", "OK")]
    assert await records(portal, "looks", "RevokeSession") == [("jane", "OK")]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/sessions", {"customer": "UA", "kind": "operator", "reason": "curious"}),
        ("delete", "/sessions/3f6f0c1a-0000-4000-8000-000000000000", None),
        ("post", "/profile", {"spec": {"sellerName": "Mine now"}}),
    ],
)
async def test_who_may_only_read_changes_nothing(
    portal: Any, method: str, path: str, body: dict[str, Any] | None
) -> None:
    async with seller(portal, ["read"], "readers") as client:
        answer = await client.request(method, API + path, json=body)
        profile = (await client.get(f"{API}/profile")).json()
        sessions = (await client.get(f"{API}/sessions", params={"ended": True})).json()

    assert (answer.status_code, answer.json()["reason"]) == (403, "SCOPE_MISSING")
    assert (profile["version"], sessions["sessions"]) == (0, [])


async def test_a_profile_is_tried_on_a_customers_pages_and_not_kept(portal: Any) -> None:
    spec = {
        "accent": "#7a1f5c",
        "texts": {"de": {"texts": {"view.usage": "Verbrauch"}}},
        "pages": ["PORTAL_PAGE_USAGE"],
    }
    async with seller(portal, ["read"], "tries") as client:
        body = {"spec": spec, "customer": "UA", "locale": "de-AT"}
        session = (await client.post(f"{API}/profile/preview", json=body)).json()["session"]
        kept = (await client.get(f"{API}/profile")).json()

    assert (session["branding"]["accent"], session["views"]) == ("#7a1f5c", ["usage"])
    assert session["texts"] == {"view.usage": "Verbrauch"}
    assert session["customer"]["name"] == "United Air Lines"
    assert (kept["version"], kept["spec"].get("accent")) == (0, "#2a5bd7")


TRIED = {
    "hiddenProperties": ["origin"],
    "hiddenItems": ["Flights"],
    "labels": {"meters": {"flights": "Departures"}, "items": {"Flights": "Take-offs"}},
}


async def try_on(client: httpx.AsyncClient, session: str, spec: dict[str, Any], customer: str = "UA") -> httpx.Response:
    """Try a profile on the pages of a session."""
    body = {"spec": spec, "customer": customer, "session": session}
    return await client.post(f"{API}/profile/preview", json=body)


async def told(portal: Any, token: str) -> tuple[set[str], set[str], set[str], int]:
    """What pages tell: names of meters, properties to group by, items of cost, and the status of usage by origin."""
    async with portal.bearer(token) as client:
        meters = (await client.get("/api/v1/meters")).json()
        cost = await client.get("/api/v1/cost", params={"billingPeriod": "2013-10", "groupBy": "item"})
        by_origin = await client.get("/api/v1/usage", params={"meter": "flights", "groupBy": "origin"})
    properties = {name for meter in meters for name in meter["groupBy"]}
    items = {one["label"] for one in cost.json()["series"] if not one["isOther"]}
    return {one["label"] for one in meters}, properties, items, by_origin.status_code


async def made_by(client: httpx.AsyncClient, customer: str = "UA", kind: str = "embed") -> dict[str, Any]:
    """A session that somebody of the seller makes."""
    body = {"customer": customer, "kind": kind, "reason": "preview"}
    made: dict[str, Any] = (await client.post(f"{API}/sessions", json=body)).json()
    return made


async def test_a_tried_profile_holds_on_the_pages_of_its_session_and_on_no_others(portal: Any) -> None:
    async with seller(portal, ["read", "admin"]) as client:
        preview, other = await made_by(client), await made_by(client)
        before = await told(portal, preview["token"])
        tried = await try_on(client, preview["id"], TRIED)
        shown, untouched = await told(portal, preview["token"]), await told(portal, other["token"])
        await try_on(client, preview["id"], {})
        again = await told(portal, preview["token"])

    assert tried.status_code == 200, tried.text
    assert "origin" in before[1]
    assert before[2] >= {"Flights"}
    assert (shown[0] - before[0], "origin" in shown[1], shown[3]) == ({"Departures"}, False, 400)
    assert shown[2].isdisjoint({"Flights", "Take-offs"})
    assert untouched == again == before


@pytest.mark.parametrize("wrong", ["customer", "maker", "kind", "over", "unknown", "tenant"])
async def test_a_profile_is_tried_on_an_own_session_for_that_customer_alone(portal: Any, wrong: str) -> None:
    async with seller(portal, ["read", "admin"]) as client, seller(portal, ["read", "admin"], "other") as stranger:
        session = (await portal.session("UA")).session.id if wrong == "maker" else (await made_by(client))["id"]
        if wrong == "kind":
            session = (await made_by(client, kind="operator"))["id"]
        if wrong == "over":
            await client.delete(f"{API}/sessions/{session}")
        if wrong == "unknown":
            session = "3f6f0c1a-0000-4000-8000-000000000000"
        refused = await try_on(
            stranger if wrong == "tenant" else client, session, TRIED, "DL" if wrong == "customer" else "UA"
        )

    assert (refused.status_code, refused.json()["reason"]) == (404, "SESSION_NOT_FOUND")


async def test_neither_a_reader_nor_a_customer_tries_a_profile_on_a_session(portal: Any) -> None:
    async with seller(portal, ["read", "admin"]) as client:
        made = await made_by(client)
    async with seller(portal) as reader, portal.bearer(made["token"]) as customer:
        by_reader, by_customer = await try_on(reader, made["id"], TRIED), await try_on(customer, made["id"], TRIED)

    assert (by_reader.status_code, by_reader.json()["reason"]) == (403, "SCOPE_MISSING")
    assert by_customer.status_code == 401
    assert "Departures" not in (await told(portal, made["token"]))[0]


async def test_a_colour_that_cannot_be_read_is_told_with_its_contrast_and_refused(portal: Any) -> None:
    async with seller(portal, ["read", "admin"], "pale") as client:
        body = {"spec": {"accent": GREY}, "customer": "UA"}
        tried = (await client.post(f"{API}/profile/preview", json=body)).json()
        refused = await client.post(f"{API}/profile", json={"spec": {"accent": GREY}})
        verdict = tried["verdicts"][0]
        better = await client.post(f"{API}/profile", json={"spec": {"accent": verdict["better"]}})

    assert tried["session"] is None
    assert [problem["field"] for problem in tried["problems"]] == ["accent"]
    assert (verdict["ratio"], verdict["isReadable"]) == ("1.60", False)
    assert refused.status_code == 400
    assert (better.status_code, better.json()["version"]) == (200, 1)


async def test_versions_are_kept_and_an_old_one_can_be_had_again(portal: Any) -> None:
    async with seller(portal, ["read", "admin"], "versions") as client:
        for name in ("First", "Second"):
            await client.post(f"{API}/profile", json={"spec": {"sellerName": name}})
        first = (await client.get(f"{API}/profile", params={"version": 1})).json()
        restored = (await client.post(f"{API}/profile", json={"spec": first["spec"]})).json()

    assert (restored["version"], restored["spec"]["sellerName"], restored["versions"]) == (3, "First", [3, 2, 1])


async def test_a_document_that_is_no_profile_is_refused_with_what_is_wrong(portal: Any) -> None:
    async with seller(portal, ["read", "admin"], "wrong") as client:
        unknown = await client.post(f"{API}/profile", json={"spec": {"acccent": "#7a1f5c"}})
        too_big = await client.post(f"{API}/profile", json={"spec": {"logoPng": "A" * 600_000}})

    assert (unknown.status_code, "acccent" in unknown.json()["detail"]) == (400, True)
    assert too_big.status_code == 413


async def test_texts_are_those_of_the_readers_language(portal: Any) -> None:
    spec = {"texts": {"de": {"texts": {"help": "Fragen?"}}, "en": {"texts": {"help": "Questions?"}}}}
    async with seller(portal, ["read", "admin"], "tongues") as client:
        await client.post(f"{API}/profile", json={"spec": spec})
    made = await portal.session(tenant="tongues")
    fixed = await portal.session(tenant="tongues", locale="en")
    told = {}
    for name, token, chosen, usual in (
        ("chosen", fixed.token, "de-DE", "en"),
        ("of the session", fixed.token, "", "de"),
        ("of the browser", made.token, "", "de-AT,de;q=0.9"),
        ("nobody's", made.token, "", "*"),
    ):
        async with portal.bearer(token) as client:
            answer = await client.get("/api/v1/session", params={"locale": chosen}, headers={"accept-language": usual})
            told[name] = answer.json()["texts"]["help"]

    assert told == {
        "chosen": "Fragen?",
        "of the session": "Questions?",
        "of the browser": "Fragen?",
        "nobody's": "Questions?",
    }


async def test_only_the_sellers_form_frames_the_preview(portal: Any) -> None:
    async with portal.browser() as browser:
        preview = (await browser.get("/seller/preview")).headers["content-security-policy"]
        form = (await browser.get("/seller/branding")).headers["content-security-policy"]
        page = (await browser.get("/")).headers["content-security-policy"]

    assert "frame-ancestors 'self'" in preview
    assert ("frame-src 'self'" in form, "frame-ancestors 'none'" in form) == (True, True)
    assert ("frame-src" in page, "frame-ancestors 'none'" in page) == (False, True)
