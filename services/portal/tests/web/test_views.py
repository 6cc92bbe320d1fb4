"""What the pages are told: every sum is exactly that of the neighbors' numbers."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import profile_pb2

API = "/api/v1"


async def ask(portal: Any, path: str, customer: str = "UA", **parameters: Any) -> Any:
    async with await portal.client(customer) as client:
        answer = await client.get(f"{API}/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


def total(values: list[str | None]) -> Decimal:
    return sum((Decimal(value) for value in values if value is not None), Decimal(0))


async def test_a_page_is_told_whose_it_is(portal: Any) -> None:
    told = await ask(portal, "session")

    assert told["customer"] == {"key": "UA", "name": "United Air Lines"}
    assert (told["seller"], told["timeZone"], told["currency"]) == ("Metered Skies", "America/New_York", "USD")
    assert told["views"] == ["overview", "usage", "cost", "invoices", "plan"]
    assert (told["kind"], told["mode"], told["windowMin"], told["actingFor"]) == ("embed", "auto", "hour", None)


async def test_periods_come_the_newest_first_and_those_to_come_not_at_all(portal: Any) -> None:
    periods = await ask(portal, "periods")

    assert [(one["billingPeriod"], one["state"], one["invoice"]) for one in periods] == [
        ("2013-11", "open", None),
        ("2013-10", "final", "INV-000001"),
    ]


@pytest.mark.parametrize("customer", ["UA", "DL"])
@pytest.mark.parametrize("month", ["2013-10", "2013-11"])
@pytest.mark.parametrize("window", ["hour", "day", "week", "month"])
async def test_bars_series_totals_and_the_invoice_line_are_one_number(
    portal: Any, customer: str, month: str, window: str
) -> None:
    shown = await ask(portal, "usage", customer, meter="flights", billingPeriod=month, window=window, groupBy="origin")

    line = shown["line"]
    assert (line["quantity"], line["equals"]) == (shown["total"], True)
    assert total(shown["totals"]) == Decimal(shown["total"]) == shown["eventCount"]
    assert sum(Decimal(one["total"]) for one in shown["series"]) == Decimal(shown["total"])
    for place, whole in enumerate(shown["totals"]):
        assert total([one["values"][place] for one in shown["series"]]) == Decimal(whole or 0)
    assert [one["isOther"] for one in shown["series"]] == [False] * 7 + [True]
    assert shown["buckets"][0]["start"] == shown["period"]["start"]
    assert shown["buckets"][-1]["end"] == shown["period"]["end"]


async def test_a_flight_after_midnight_utc_is_in_its_own_month(portal: Any) -> None:
    october = await ask(portal, "usage", meter="flights", billingPeriod="2013-10", filter="origin:EWR")

    last = october["buckets"][-1]
    assert (last["start"], last["end"]) == ("2013-10-31T04:00:00Z", "2013-11-01T04:00:00Z")
    assert october["totals"][-1] is not None


async def test_the_period_before_is_compared_at_the_same_point(portal: Any) -> None:
    shown = await ask(portal, "usage", meter="flights", compare="previous")

    compare = shown["compare"]
    first_days = total(compare["totals"][:19])
    assert compare["period"]["billingPeriod"] == "2013-10"
    assert compare["samePoint"] == {"days": 19, "total": str(first_days)}
    change = (Decimal(shown["total"]) - first_days) * 100 / first_days
    assert abs(Decimal(compare["change"]) - change) <= Decimal("0.05")


async def test_figures_and_hours_of_the_week_are_of_the_same_usage(portal: Any) -> None:
    question = {"meter": "flights", "billingPeriod": "2013-10"}
    shown = await ask(portal, "usage", **question)
    figures = await ask(portal, "usage/figures", **question)
    heat = await ask(portal, "usage/heat", **question)

    days = [(Decimal(value), place) for place, value in enumerate(shown["totals"]) if value is not None]
    largest = max(days, key=lambda day: (day[0], -day[1]))
    assert figures["total"] == shown["total"]
    assert figures["largest"]["bucket"]["start"] == shown["buckets"][largest[1]]["start"]
    assert Decimal(figures["largest"]["quantity"]) == largest[0]
    assert Decimal(figures["percentile"]) <= largest[0]
    assert figures["bucketCount"] == len(days)
    assert sum(Decimal(cell["quantity"]) for cell in heat["cells"]) == Decimal(shown["total"])
    assert heat["timeZone"] == "America/New_York"


async def test_a_span_of_days_is_compared_with_as_many_days_before(portal: Any) -> None:
    span = {"from": "2013-10-15", "until": "2013-10-22", "compare": "previous"}
    shown = await ask(portal, "usage", meter="flights", **span)

    assert len(shown["buckets"]) == len(shown["compare"]["buckets"]) == 7
    assert shown["compare"]["period"]["start"] == "2013-10-08T04:00:00Z"
    assert shown["compare"]["samePoint"] is None
    assert shown["line"] is None


@pytest.mark.parametrize("group_by", ["item", "origin", ""])
async def test_cost_adds_up_to_the_bill_whatever_it_is_broken_down_by(portal: Any, group_by: str) -> None:
    shown = await ask(portal, "cost", billingPeriod="2013-10", groupBy=group_by, compare="previous")
    invoice = await ask(portal, "invoices/INV-000001")

    assert shown["total"] == shown["line"]["quantity"] == invoice["total"]
    assert shown["line"]["equals"] is True
    assert total(shown["totals"]) == sum(Decimal(one["total"]) for one in shown["series"]) == Decimal(shown["total"])
    if group_by == "origin":
        assert shown["series"][-1]["label"] == "Not by origin"
        assert shown["series"][-1]["total"] == "10.00"


@pytest.mark.parametrize("window", ["day", "week", "month"])
@pytest.mark.parametrize("group_by", ["item", "origin"])
async def test_cost_of_several_periods_adds_up_to_their_bills(portal: Any, window: str, group_by: str) -> None:
    span = {"from": "2013-10-01", "until": "2013-12-01", "window": window, "groupBy": group_by}
    shown = await ask(portal, "cost", **span, compare="previous")
    bills = [await ask(portal, f"invoices/{number}") for number in ("INV-000001", "draft")]

    assert Decimal(shown["total"]) == sum(Decimal(bill["total"]) for bill in bills) == total(shown["totals"])
    assert (shown["line"]["quantity"], shown["line"]["equals"]) == (shown["total"], True)
    assert shown["line"]["href"] == "/invoices"
    assert shown["period"]["billingPeriod"] is None
    assert shown["compare"] is None
    if window == "month":
        assert [Decimal(each) for each in shown["totals"]] == [Decimal(bill["total"]) for bill in bills]
        assert [each["start"] for each in shown["buckets"]] == [bill["period"]["start"] for bill in bills]


async def test_cost_is_told_of_whole_periods(portal: Any) -> None:
    async with await portal.client() as client:
        parameters = {"from": "2013-10-02", "until": "2013-12-01"}
        refused = await client.get(f"{API}/cost", params=parameters)
    assert (refused.status_code, refused.json()["reason"]) == (400, "PERIOD_INVALID")


async def test_usage_of_several_periods_is_that_of_their_lines(portal: Any) -> None:
    span = {"from": "2013-10-01", "until": "2013-12-01", "window": "month"}
    shown = await ask(portal, "usage", meter="flights", **span)
    bills = [await ask(portal, f"invoices/{number}") for number in ("INV-000001", "draft")]

    billed = [Decimal(line["quantity"]) for bill in bills for line in bill["lines"] if line["meter"]]
    assert [Decimal(each) for each in shown["totals"]] == billed
    assert (shown["line"]["quantity"], shown["line"]["equals"]) == (shown["total"], True)


async def test_days_are_compared_with_the_same_weekday(portal: Any) -> None:
    shown = await ask(portal, "usage", meter="flights", billingPeriod="2013-11", compare="previous")

    # The first of November was a Friday, the fourth of October as well.
    compare = shown["compare"]
    assert compare["aligned"][0] == 3
    assert compare["buckets"][3]["start"] == "2013-10-04T04:00:00Z"
    assert compare["aligned"][-2:] == [None, None]
    weeks = await ask(portal, "usage", meter="flights", billingPeriod="2013-11", compare="previous", window="week")
    assert weeks["compare"]["aligned"] == list(range(len(weeks["buckets"])))


async def test_the_price_of_one_unit_is_told_where_one_item_is_shown(portal: Any) -> None:
    shown = await ask(portal, "cost", billingPeriod="2013-10", item="Flights", window="month")

    assert shown["unitPrices"] == ["2.5"]


async def test_the_first_page_adds_up_from_one_end_to_the_other(portal: Any) -> None:
    overview = await ask(portal, "overview")
    draft = await ask(portal, "invoices/draft")
    waterfall = overview["waterfall"]

    assert overview["billSoFar"] == {"amount": draft["total"], "currency": "USD", "final": False}
    steps = sum(Decimal(step["amount"]) for step in waterfall["steps"])
    assert Decimal(waterfall["from"]["amount"]) + steps == Decimal(waterfall["to"]["amount"]) == Decimal(draft["total"])
    assert waterfall["from"]["amount"] == overview["samePoint"]["amount"]
    assert overview["samePoint"]["days"] == 19
    assert overview["lastInvoice"]["number"] == "INV-000001"
    cumulative = overview["cumulative"]
    assert len(cumulative["amounts"]) == len(cumulative["previous"]) == 30
    assert [amount is None for amount in cumulative["amounts"]] == [False] * 20 + [True] * 10
    assert cumulative["amounts"][19] == draft["total"]


async def test_invoices_come_with_the_live_draft(portal: Any) -> None:
    listed = await ask(portal, "invoices")

    assert listed["draft"]["billingPeriod"] == "2013-11"
    (invoice,) = listed["invoices"]
    assert (invoice["number"], invoice["lineCount"], invoice["hasAdjustments"]) == ("INV-000001", 2, False)
    assert listed["next"] is None


@pytest.mark.parametrize("number", ["INV-000001", "draft"])
async def test_a_line_is_explained_down_to_its_events(portal: Any, number: str) -> None:
    invoice = await ask(portal, f"invoices/{number}")
    line = next(one for one in invoice["lines"] if one["meter"])

    explained = await ask(portal, f"invoices/{number}/lines/{line['id']}/explain")
    assert explained["steps"][-1]["value"] == line["exactAmount"]
    assert sum(Decimal(tier["amount"]) for tier in explained["tiers"]) == Decimal(line["exactAmount"])
    assert (explained["price"]["model"], explained["price"]["unitPrice"]) == ("perUnit", "2.5")
    assert (explained["evidence"] is None) is (number == "draft")

    seen: list[str] = []
    page: Any = {"next": ""}
    while page["next"] is not None:
        page = await ask(portal, f"invoices/{number}/lines/{line['id']}/events", after=page["next"], limit=40)
        seen += [event["id"] for event in page["events"]]
    assert len(seen) == len(set(seen)) == page["total"] == line["eventCount"]
    assert page["events"][0]["traceId"] == "0af7651916cd43dd8448eb211c80319c"


async def test_proofs_are_asked_for_now(portal: Any) -> None:
    invoice = await ask(portal, "invoices/INV-000001/verify")
    line = await ask(portal, "invoices/INV-000001/lines/INV-000001.2/verify")

    assert (invoice["ok"], invoice["counted"], invoice["problems"]) == (True, 2, [])
    assert (line["ok"], line["problems"]) == (False, ["an event is missing"])


async def test_the_plan_is_told_in_figures_that_each_reader_gets_in_words_of_their_own(portal: Any) -> None:
    plan = await ask(portal, "plan")

    assert [(item["model"], item["amount"], item["unitPrice"], item["unit"]) for item in plan["items"]] == [
        ("fixed", "10", None, ""),
        ("perUnit", None, "2.5", "flight"),
    ]
    assert not any("sentence" in item for item in plan["items"])


async def test_a_file_holds_what_is_on_the_screen(portal: Any) -> None:
    shown = await ask(portal, "usage", meter="flights", billingPeriod="2013-10", groupBy="origin", window="week")
    async with await portal.client() as client:
        parameters = {"meter": "flights", "billingPeriod": "2013-10", "groupBy": "origin", "window": "week"}
        file = await client.get(f"{API}/usage.csv", params=parameters)

    header, *rows, last = csv.reader(io.StringIO(file.text))
    assert header == ["week (America/New_York)", *(one["label"] for one in shown["series"]), "total (flight)"]
    assert [row[-1] for row in rows] == [value or "" for value in shown["totals"]]
    assert last == ["total", *(one["total"] for one in shown["series"]), shown["total"]]


async def test_what_has_not_changed_is_not_sent_again(portal: Any) -> None:
    async with await portal.client() as client:
        first = await client.get(f"{API}/usage", params={"meter": "flights"})
        again = await client.get(
            f"{API}/usage", params={"meter": "flights"}, headers={"if-none-match": first.headers["etag"]}
        )
        other = await client.get(
            f"{API}/usage",
            params={"meter": "flights", "window": "week"},
            headers={"if-none-match": first.headers["etag"]},
        )

    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.content == b""


async def test_saved_views_are_kept_replaced_and_deleted(portal: Any) -> None:
    async with await portal.client() as client:
        for query in ("/usage?window=day", "/usage?window=week"):
            saved = await client.post(f"{API}/views", json={"name": "Mine", "query": query})
            assert saved.status_code == 200, saved.text
        listed = (await client.get(f"{API}/views")).json()
        assert [(view["name"], view["query"]) for view in listed] == [("Mine", "/usage?window=week")]
        refused = await client.post(f"{API}/views", json={"name": "x", "query": "https://elsewhere.example.com"})
        assert refused.status_code == 400
        deleted = await client.delete(f"{API}/views/{listed[0]['id']}")
        assert deleted.status_code == 204
        assert (await client.get(f"{API}/views")).json() == []


async def test_a_profile_names_hides_and_floors(portal: Any) -> None:
    spec = profile_pb2.ProfileSpec(
        hidden_properties=["secret"],
        hidden_meters=["internal"],
        window_floor=profile_pb2.WINDOW_FLOOR_DAY,
        labels=profile_pb2.Labels(
            meters={"flights": "Flights flown"},
            values={"origin": profile_pb2.ValueLabels(labels={"EWR": "=Newark"})},
            units={"flight": profile_pb2.UnitNames(one="flight", other="flights")},
        ),
    )
    await portal.stub("branded").ApplyProfile(pb.ApplyProfileRequest(spec=spec))
    made = await portal.session(tenant="branded")
    async with portal.bearer(made.token) as client:
        meters = (await client.get(f"{API}/meters")).json()
        assert [(one["name"], one["label"], one["groupBy"]) for one in meters] == [
            ("flights", "Flights flown", ["origin"])
        ]
        parameters = {"meter": "flights", "groupBy": "origin", "billingPeriod": "2013-10"}
        shown = (await client.get(f"{API}/usage", params=parameters)).json()
        assert {one["label"] for one in shown["series"] if one["key"] == "EWR"} == {"=Newark"}
        file = await client.get(f"{API}/usage.csv", params=parameters)
        assert "'=Newark" in file.text
        for wrong, reason in (
            ({"window": "hour"}, "WINDOW_INVALID"),
            ({"groupBy": "secret"}, "GROUP_UNKNOWN"),
            ({"filter": "secret:x"}, "GROUP_UNKNOWN"),
            ({"meter": "internal"}, "METER_NOT_FOUND"),
        ):
            refused = await client.get(f"{API}/usage", params={**parameters, **wrong})
            assert refused.json()["reason"] == reason
        bucket = {"meter": "flights", "billingPeriod": "2013-10", "bucket": "2013-10-01T04:00:00Z"}
        behind = (await client.get(f"{API}/usage/events", params=bucket)).json()
        assert {name for event in behind["events"] for name in event["properties"]} == {"origin", "gate"}
        detail = (await client.get(f"{API}/usage/bucket", params=bucket)).json()
        assert [top["property"] for top in detail["properties"]] == ["origin"]
        for path in ("usage/bucket", "usage/events"):
            hours = await client.get(f"{API}/{path}", params={**bucket, "window": "hour"})
            assert hours.json()["reason"] == "WINDOW_INVALID"
            cell = {"meter": "flights", "billingPeriod": "2013-10", "weekday": 1, "hour": 12}
            assert (await client.get(f"{API}/{path}", params=cell)).json()["reason"] == "WINDOW_INVALID"
        events = (await client.get(f"{API}/invoices/INV-000001/lines/INV-000001.2/events")).json()
        assert set(events["events"][0]["properties"]) == {"origin", "gate"}


async def test_two_invoices_are_compared_exactly(portal: Any) -> None:
    shown = await ask(portal, "invoices/draft/compare", **{"with": "INV-000001"})
    draft, final = await ask(portal, "invoices/draft"), await ask(portal, "invoices/INV-000001")

    assert (shown["left"]["total"], shown["right"]["total"]) == (draft["total"], final["total"])
    changes = [Decimal(item["amountChange"]) for item in shown["items"]]
    assert sum(changes) == Decimal(shown["totalChange"]) == Decimal(draft["total"]) - Decimal(final["total"])
    fee, flights = shown["items"]
    assert (fee["quantityChange"], fee["unitPriceChange"], fee["amountChange"]) == (None, None, "0.00")
    quantities = [next(line["quantity"] for line in bill["lines"] if line["meter"]) for bill in (draft, final)]
    assert [flights[side]["quantity"] for side in ("left", "right")] == quantities
    assert Decimal(flights["quantityChange"]) == Decimal(quantities[0]) - Decimal(quantities[1])
    assert (flights["left"]["unitPrice"], flights["unitPriceChange"]) == ("2.5", "0")


async def test_examples_of_a_price_are_what_was_used_and_about_it(portal: Any) -> None:
    plan = await ask(portal, "plan", billingPeriod="2013-11")
    october = await ask(portal, "usage", meter="flights", billingPeriod="2013-10")

    (flights,) = plan["examples"]
    assert flights["item"] == "Flights"
    assert [one["quantity"] for one in flights["examples"] if one["isOwn"]] == [october["total"]]
    assert len(flights["examples"]) == 3
    for one in flights["examples"]:
        quoted = await ask(portal, "plan/quote", item="Flights", quantity=one["quantity"])
        assert quoted["amount"] == one["amount"]
        assert Decimal(one["amount"]) == Decimal(one["quantity"]) * Decimal("2.50")
        assert quoted["steps"][-1]["value"] == quoted["exactAmount"]


async def test_prices_to_come_are_told_with_what_they_change(portal: Any) -> None:
    plan = await ask(portal, "plan")
    invoice = await ask(portal, "invoices/INV-000001")
    flights = next(Decimal(line["quantity"]) for line in invoice["lines"] if line["meter"])

    (change,) = plan["coming"]
    assert (change["billingPeriod"], change["start"], change["version"]) == ("2013-12", "2013-12-01", 4)
    assert [(item["item"], item["unitPrice"]) for item in change["items"]] == [("Flights", "3")]
    assert change["ended"] == []
    effect = change["effect"]
    assert (effect["billingPeriod"], effect["amount"]) == ("2013-10", invoice["total"])
    assert Decimal(effect["change"]) == flights * Decimal("0.50")
    assert Decimal(effect["amountToCome"]) == Decimal(effect["amount"]) + Decimal(effect["change"])
    assert (await ask(portal, "plan", billingPeriod="2013-10"))["coming"] == []


async def test_what_has_no_price_is_not_quoted(portal: Any) -> None:
    async with await portal.client() as client:
        for item, quantity in (("Calls", "1"), ("Flights", "-1"), ("Flights", "1e3"), ("Flights", "NaN")):
            refused = await client.get(f"{API}/plan/quote", params={"item": item, "quantity": quantity})
            assert refused.status_code == 400, (item, quantity)
            assert refused.json()["do"]


async def test_the_document_of_an_invoice_is_what_is_stored(portal: Any) -> None:
    async with await portal.client() as client:
        file = await client.get(f"{API}/invoices/INV-000001.json")
        draft = await client.get(f"{API}/invoices/draft.json")

    assert (file.content, file.headers["content-type"]) == (b'{"number":"INV-000001"}', "application/json")
    assert file.headers["content-disposition"] == 'attachment; filename="INV-000001.json"'
    assert (draft.status_code, draft.json()["reason"]) == (404, "INVOICE_NOT_FOUND")


async def test_the_words_of_the_seller_follow_the_language_of_the_reader(portal: Any) -> None:
    texts = {
        "en": profile_pb2.Texts(texts={"view.usage": "Flying"}),
        "de": profile_pb2.Texts(texts={"view.usage": "Fliegen"}),
    }
    await portal.stub("spoken").ApplyProfile(pb.ApplyProfileRequest(spec=profile_pb2.ProfileSpec(texts=texts)))
    made = await portal.session(tenant="spoken")
    async with portal.bearer(made.token) as client:
        told = [
            (await client.get(f"{API}/session", params={"locale": locale})).json()["texts"]
            for locale in ("", "de-AT", "fr")
        ]
        refused = await client.get(f"{API}/session", params={"locale": "../x"})

    assert [texts.get("view.usage") for texts in told] == ["Flying", "Fliegen", None]
    assert refused.status_code == 400


async def test_items_that_the_seller_hides_are_part_of_other_and_lines_of_invoices_stay(portal: Any) -> None:
    preset = profile_pb2.PresetView(name="By airport", query="/usage?meter=flights&groupBy=origin")
    spec = profile_pb2.ProfileSpec(hidden_items=["Fee"], presets=[preset])
    await portal.stub("hides").ApplyProfile(pb.ApplyProfileRequest(spec=spec))
    made = await portal.session(tenant="hides")
    async with portal.bearer(made.token) as client:

        async def told(path: str, **parameters: str) -> Any:
            return (await client.get(f"{API}/{path}", params={"billingPeriod": "2013-10"} | parameters)).json()

        cost = await told("cost", groupBy="item")
        overview = await told("overview")
        plan = await told("plan")
        invoice = await told("invoices/INV-000001")
        refused = await client.get(f"{API}/cost", params={"item": "Fee"})
        quoted = await client.get(f"{API}/plan/quote", params={"item": "Fee", "quantity": "1"})
        views = (await client.get(f"{API}/views")).json()
        await client.delete(f"{API}/views/{views[0]['id']}")
        still = (await client.get(f"{API}/views")).json()

    assert [one["label"] for one in cost["series"]] == ["Flights", "Other"]
    assert cost["total"] == invoice["total"]
    assert cost["line"]["equals"] is True
    assert [one["label"] for one in overview["items"]] == ["Flights", "Other"]
    assert total([one["amount"] for one in overview["items"]]) == Decimal(overview["billSoFar"]["amount"])
    assert [one["item"] for one in plan["items"]] == ["Flights"]
    assert {line["item"] for line in invoice["lines"]} == {"Flights", "Fee"}
    assert (refused.status_code, quoted.status_code) == (400, 400)
    assert [(view["name"], view["isPreset"]) for view in views] == [("By airport", True)]
    assert still == views
