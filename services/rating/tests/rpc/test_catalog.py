"""The catalog over the wire: apply is idempotent, versions are kept, and what is wrong is named by its field."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import Conflict, Forbidden, InvalidRequest, MeterlineError, NotFound, Reason
from metering.common.v1 import values_pb2
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import rating_service_pb2 as pb

CREATED = values_pb2.APPLY_OUTCOME_CREATED
UNCHANGED = values_pb2.APPLY_OUTCOME_UNCHANGED
NEW_VERSION = values_pb2.APPLY_OUTCOME_NEW_VERSION


def per_unit(unit: str = "0.05", **around: Any) -> cat.PlanItem:
    price = cat.UsagePrice(per_unit=cat.PerUnitPrice(unit_price=unit), **around)
    return cat.PlanItem(name="Calls", meter="calls", usage=price)


def tiered(model: str, *tiers: tuple[str, str, str]) -> cat.PlanItem:
    message: Any = {"graduated": cat.GraduatedPrice, "volume": cat.VolumePrice}[model]
    rows = [cat.PriceTier(up_to=up_to, unit_price=unit, flat=flat) for up_to, unit, flat in tiers]
    return cat.PlanItem(name="Calls", meter="calls", usage=cat.UsagePrice(**{model: message(tiers=rows)}))


def plan_request(*items: cat.PlanItem, name: str = "standard", **fields: Any) -> pb.ApplyPlanRequest:
    spec = cat.PlanSpec(**{"currency": "USD", "items": items, **fields})
    return pb.ApplyPlanRequest(name=name, spec=spec)


def fixed(amount: str = "500.00") -> cat.PlanItem:
    return cat.PlanItem(name="Fee", fixed=cat.FixedFee(amount=amount))


async def test_applying_says_created_then_unchanged_then_new_version(catalog: Any) -> None:
    first = await catalog.plan(per_unit("0.050"))
    again = await catalog.plan(per_unit("0.05"))
    other = await catalog.plan(per_unit("0.06"))

    assert [answer.outcome for answer in (first, again, other)] == [CREATED, UNCHANGED, NEW_VERSION]
    assert [answer.plan.version for answer in (first, again, other)] == [1, 1, 2]
    assert not first.plan.spec.HasField("effective_from")
    assert other.plan.spec.effective_from == other.plan.created_at


async def test_every_model_comes_back_as_it_was_applied(catalog: Any) -> None:
    package = cat.PlanItem(
        name="Blocks", meter="calls", usage=cat.UsagePrice(package=cat.PackagePrice(size="1000", unit_price="1.5"))
    )
    graduated = tiered("graduated", ("10", "0", "5"), ("", "0.000000000001", ""))
    volume = tiered("volume", ("100.5", "1", ""), ("", "2", "3"))
    brackets = [cat.StairstepTier(up_to="10", amount="20"), cat.StairstepTier(amount="50")]
    items = [
        fixed("500"),
        cat.PlanItem(name="D", meter="calls", usage=cat.UsagePrice(stairstep=cat.StairstepPrice(tiers=brackets))),
        cat.PlanItem(name="A", meter="calls", usage=per_unit("1", included="10", minimum="0").usage),
        cat.PlanItem(name="B", meter="calls", usage=graduated.usage),
        cat.PlanItem(name="C", meter="calls", usage=volume.usage),
        package,
    ]

    applied = await catalog.plan(*items, description="All of them")
    got = await catalog.caller("GetPlan", pb.GetPlanRequest(name="standard"))

    assert list(got.plan.spec.items) == items
    assert got.plan == applied.plan


async def test_old_versions_can_be_read(catalog: Any) -> None:
    await catalog.plan(per_unit("1"))
    await catalog.plan(per_unit("2"))

    old = await catalog.caller("GetPlan", pb.GetPlanRequest(name="standard", version=1))

    assert old.plan.spec.items[0].usage.per_unit.unit_price == "1"
    with pytest.raises(NotFound) as caught:
        await catalog.caller("GetPlan", pb.GetPlanRequest(name="standard", version=3))
    assert caught.value.reason is Reason.PLAN_NOT_FOUND


async def test_a_contract_is_read_by_its_name_and_version(catalog: Any) -> None:
    await catalog.plan(per_unit("1"))
    await catalog.customer()
    first = await catalog.contract()
    ended = await catalog.contract(end="2014-01-01")

    newest = await catalog.caller("GetContract", pb.GetContractRequest(name=first.contract.name))
    old = await catalog.caller("GetContract", pb.GetContractRequest(name=first.contract.name, version=1))

    assert (newest.contract, old.contract) == (ended.contract, first.contract)
    for request in (pb.GetContractRequest(name="unknown"), pb.GetContractRequest(name=first.contract.name, version=3)):
        with pytest.raises(NotFound) as caught:
            await catalog.caller("GetContract", request)
        assert caught.value.reason is Reason.CONTRACT_NOT_FOUND


async def test_concurrent_applies_make_one_version_each(catalog: Any) -> None:
    answers = await asyncio.gather(*(catalog.plan(per_unit("1")) for _ in range(5)))

    outcomes = sorted(answer.outcome for answer in answers)
    assert outcomes == [CREATED] + [UNCHANGED] * 4


async def test_a_request_id_is_answered_the_same_and_refused_for_another_body(catalog: Any) -> None:
    request = plan_request(per_unit())
    request.request_id = "r-1"
    first = await catalog.caller("ApplyPlan", request)
    await catalog.plan(per_unit("7"))

    assert await catalog.caller("ApplyPlan", request) == first

    request.spec.description = "other"
    with pytest.raises(Conflict) as caught:
        await catalog.caller("ApplyPlan", request)
    assert caught.value.reason is Reason.REQUEST_ID_REUSED


async def test_products_give_plans_their_meter(catalog: Any) -> None:
    item = cat.PlanItem(name="Calls", product="voice", usage=per_unit().usage)
    with pytest.raises(NotFound) as caught:
        await catalog.plan(item)
    assert caught.value.reason is Reason.PRODUCT_NOT_FOUND

    spec = cat.ProductSpec(display_name="Voice", meter="calls")
    created = await catalog.caller("ApplyProduct", pb.ApplyProductRequest(name="voice", spec=spec))
    unchanged = await catalog.caller("ApplyProduct", pb.ApplyProductRequest(name="voice", spec=spec))
    applied = await catalog.plan(item)

    assert (created.outcome, unchanged.outcome) == (CREATED, UNCHANGED)
    assert list(applied.plan.spec.items) == [item]
    listed = await catalog.caller("ListProducts", pb.ListProductsRequest())
    assert [product.spec.meter for product in listed.products] == ["calls"]


@pytest.mark.parametrize(
    ("build", "field", "reason"),
    [
        (lambda: plan_request(per_unit("NaN")), "spec.items[0].usage.per_unit.unit_price", Reason.PRICE_INVALID),
        (lambda: plan_request(per_unit("1e400")), "spec.items[0].usage.per_unit.unit_price", Reason.PRICE_INVALID),
        (lambda: plan_request(per_unit("\uff15")), "spec.items[0].usage.per_unit.unit_price", Reason.PRICE_INVALID),
        (lambda: plan_request(per_unit("-1")), "spec.items[0].usage.per_unit.unit_price", Reason.PRICE_INVALID),
        (lambda: plan_request(per_unit(" 5 ")), "spec.items[0].usage.per_unit.unit_price", Reason.PRICE_INVALID),
        (lambda: plan_request(per_unit(included="1_0")), "spec.items[0].usage.included", Reason.PRICE_INVALID),
        (lambda: plan_request(per_unit(minimum="-1")), "spec.items[0].usage.minimum", Reason.PRICE_INVALID),
        (lambda: plan_request(fixed("1,5")), "spec.items[0].fixed.amount", Reason.PRICE_INVALID),
        (
            lambda: plan_request(tiered("graduated", ("10", "1", ""), ("5", "1", ""), ("", "1", ""))),
            "spec.items[0].usage.graduated.tiers[1].up_to",
            Reason.TIERS_INVALID,
        ),
        (
            lambda: plan_request(tiered("volume", ("10", "1", ""))),
            "spec.items[0].usage.volume.tiers[0].up_to",
            Reason.TIERS_INVALID,
        ),
        (
            lambda: plan_request(tiered("volume", ("0", "1", ""), ("", "1", ""))),
            "spec.items[0].usage.volume.tiers[0].up_to",
            Reason.TIERS_INVALID,
        ),
        (
            lambda: plan_request(tiered("volume", ("1", "1", "x"), ("", "1", ""))),
            "spec.items[0].usage.volume.tiers[0].flat",
            Reason.PRICE_INVALID,
        ),
        (lambda: plan_request(cat.PlanItem(name="X", meter="m")), "spec.items[0].charge", Reason.FIELD_REQUIRED),
        (
            lambda: plan_request(cat.PlanItem(name="X", meter="m", usage=cat.UsagePrice())),
            "spec.items[0].usage.model",
            Reason.FIELD_REQUIRED,
        ),
        (
            lambda: plan_request(cat.PlanItem(name="X", usage=per_unit().usage)),
            "spec.items[0].meter",
            Reason.FIELD_REQUIRED,
        ),
        (
            lambda: plan_request(cat.PlanItem(name="a\x00b", meter="m", usage=per_unit().usage)),
            "spec.items[0].name",
            Reason.TEXT_INVALID,
        ),
        (lambda: plan_request(fixed(), fixed()), "spec.items[1].name", Reason.PLAN_INVALID),
        (lambda: plan_request(fixed(), currency="XXX"), "spec.currency", Reason.CURRENCY_UNKNOWN),
        (
            lambda: plan_request(fixed(), effective_from=Timestamp(seconds=-(10**12))),
            "spec.effective_from",
            Reason.TIME_INVALID,
        ),
    ],
)
async def test_a_wrong_plan_is_refused_by_field_and_nothing_is_written(
    catalog: Any, build: Any, field: str, reason: Reason
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await catalog.caller("ApplyPlan", build())

    assert [(violation.field, violation.reason) for violation in caught.value.violations] == [(field, reason)]
    listed = await catalog.caller("ListPlans", pb.ListPlansRequest())
    assert not listed.plans


async def test_a_plan_keeps_its_currency_and_says_from_when_it_takes_the_place_of_a_planned_version(
    catalog: Any,
) -> None:
    await catalog.plan(fixed("1"), effective_from=datetime(2999, 6, 1, tzinfo=UTC))

    with pytest.raises(InvalidRequest) as currency:
        await catalog.plan(fixed("1"), currency="EUR")
    with pytest.raises(InvalidRequest) as unsaid:
        await catalog.plan(fixed("2"))
    put_right = await catalog.plan(fixed("2"), effective_from=datetime(2999, 6, 1, tzinfo=UTC))
    brought_forward = await catalog.plan(fixed("2"), effective_from=datetime(2013, 5, 1, tzinfo=UTC))

    assert currency.value.reason is Reason.CURRENCY_MISMATCH
    assert unsaid.value.reason is Reason.CATALOG_CONFLICT
    assert (put_right.plan.version, brought_forward.plan.version) == (2, 3)


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"time_zone": "Mars/Olympus"}, "spec.time_zone", Reason.TIME_ZONE_UNKNOWN),
        ({"start": "2013-02-29"}, "spec.start", Reason.CONTRACT_INVALID),
        ({"end": "2013-01-01"}, "spec.end", Reason.CONTRACT_INVALID),
        ({"plan": "euros"}, "spec.plan", Reason.CURRENCY_MISMATCH),
        ({"anchor_day": 32}, "spec.anchor_day", Reason.FIELD_INVALID),
        ({"interval": 0}, "spec.interval", Reason.FIELD_INVALID),
        ({"start": "yesterday"}, "spec.start", Reason.FIELD_INVALID),
        ({"customer": "DL"}, None, Reason.CUSTOMER_NOT_FOUND),
        ({"plan": "none"}, None, Reason.PLAN_NOT_FOUND),
        ({"plan_version": 2}, None, Reason.PLAN_NOT_FOUND),
    ],
)
async def test_a_wrong_contract_is_refused(
    catalog: Any, spec: dict[str, Any], field: str | None, reason: Reason
) -> None:
    await catalog.plan(fixed())
    await catalog.plan(fixed(), name="euros", currency="EUR")
    await catalog.customer()

    with pytest.raises(MeterlineError) as caught:
        await catalog.contract(**spec)

    if field is None:
        assert caught.value.reason is reason
    else:
        assert [(violation.field, violation.reason) for violation in caught.value.violations] == [(field, reason)]


async def test_contracts_of_a_customer_may_not_overlap(catalog: Any) -> None:
    await catalog.standard()

    with pytest.raises(InvalidRequest) as caught:
        await catalog.contract("UA-2014", start="2014-01-01")
    assert caught.value.reason is Reason.CONTRACT_OVERLAP
    assert "'UA-2013'" in caught.value.message

    ended = await catalog.contract(end="2014-01-01")
    following = await catalog.contract("UA-2014", start="2014-01-01")
    assert (ended.outcome, ended.contract.version) == (NEW_VERSION, 2)
    assert following.outcome == CREATED
    with pytest.raises(InvalidRequest, match="UA-2014"):
        await catalog.contract(end="")


async def test_racing_contracts_can_not_slip_past_one_another(catalog: Any) -> None:
    await catalog.plan(per_unit())
    await catalog.customer()

    answers = await asyncio.gather(*(catalog.contract(f"UA-{number}") for number in range(4)), return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, MeterlineError)]
    assert [error.reason for error in refused] == [Reason.CONTRACT_OVERLAP] * 3


async def test_what_decides_on_periods_never_changes(catalog: Any) -> None:
    await catalog.standard()

    for spec in ({"start": "2013-02-01"}, {"time_zone": "UTC"}, {"anchor_day": 2}):
        with pytest.raises(InvalidRequest) as caught:
            await catalog.contract(**spec)
        assert caught.value.reason is Reason.CATALOG_CONFLICT


async def test_a_customer_keeps_its_currency_once_it_has_a_contract(catalog: Any) -> None:
    await catalog.customer()
    assert (await catalog.customer(currency="EUR")).outcome == NEW_VERSION
    await catalog.customer(currency="USD")
    await catalog.plan(fixed())
    await catalog.contract()

    with pytest.raises(InvalidRequest) as caught:
        await catalog.customer(currency="EUR")

    assert caught.value.reason is Reason.CURRENCY_MISMATCH
    assert "to bill in EUR, apply another customer with a contract of its own" in str(caught.value)
    assert (await catalog.customer(display_name="United")).outcome == NEW_VERSION
    got = await catalog.caller("GetCustomer", pb.GetCustomerRequest(name="UA"))
    assert (got.customer.version, got.customer.spec.display_name) == (4, "United")


async def test_lists_are_paged_by_name(catalog: Any) -> None:
    for number in (3, 1, 2):
        await catalog.customer(f"c-{number}")

    first = await catalog.caller("ListCustomers", pb.ListCustomersRequest(page_size=2))
    last = await catalog.caller("ListCustomers", pb.ListCustomersRequest(page_size=2, page_token=first.next_page_token))

    assert [customer.name for customer in first.customers] == ["c-1", "c-2"]
    assert [customer.name for customer in last.customers] == ["c-3"]
    assert last.next_page_token == ""
    with pytest.raises(InvalidRequest) as caught:
        await catalog.caller("ListCustomers", pb.ListCustomersRequest(page_token="!"))
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


NAMED = {
    "UA": "United Air Lines",
    "acme-123": "",
    "AA_2": "American Airlines, Inc.",
    "shop.example.com": "Österreichische Bahn",
    "kiosk": "Zeitung & Bücher",
}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("uni", ["UA"]),
        ("AIR LI", ["UA"]),
        ("lines", ["UA"]),
        ("air", ["AA_2", "UA"]),
        ("american, inc", ["AA_2"]),
        ("123", ["acme-123"]),
        ("acme-1", ["acme-123"]),
        ("example", ["shop.example.com"]),
        ("österreich", ["shop.example.com"]),
        ("bücher zeit", ["kiosk"]),
        ("ines", []),
        ("united bahn", []),
        ("old", []),
    ],
)
async def test_customers_are_found_by_the_beginnings_of_their_words(
    catalog: Any, search: str, found: list[str]
) -> None:
    await catalog.customer("kiosk", display_name="Old name")
    for name, display_name in NAMED.items():
        await catalog.customer(name, display_name=display_name)

    names: list[str] = []
    request = pb.ListCustomersRequest(search=search, page_size=1)
    while not names or request.page_token:
        page = await catalog.caller("ListCustomers", request)
        names += [customer.name for customer in page.customers] or [""]
        request.page_token = page.next_page_token

    assert [name for name in names if name] == found


async def test_a_search_without_a_word_is_refused_and_other_tenants_are_not_searched(catalog: Any, rating: Any) -> None:
    await catalog.customer("UA", display_name="United")

    with pytest.raises(InvalidRequest) as caught:
        await catalog.caller("ListCustomers", pb.ListCustomersRequest(search="'&|"))
    assert caught.value.reason is Reason.FIELD_INVALID
    request = pb.ListCustomersRequest(search="united")
    assert len((await catalog.caller("ListCustomers", request)).customers) == 1
    assert not (await rating.user("other")("ListCustomers", request)).customers


async def test_contracts_are_listed_by_customer_and_period(catalog: Any) -> None:
    await catalog.standard()
    await catalog.customer("DL")
    for month in range(1, 4):
        await catalog.contract(f"DL-{month}", customer="DL", start=f"2013-0{month}-01", end=f"2013-0{month}-20")

    async def names(**fields: Any) -> list[str]:
        answer = await catalog.caller("ListContracts", pb.ListContractsRequest(**fields))
        return [contract.name for contract in answer.contracts]

    assert await names() == ["DL-1", "DL-2", "DL-3", "UA-2013"]
    assert await names(customer="UA") == ["UA-2013"]
    assert await names(billing_period="2013-02") == ["DL-2", "UA-2013"]
    assert await names(billing_period="2013-02", page_size=1) == ["DL-2"]
    assert await names(billing_period="2012-02") == []


async def test_billing_periods_of_a_customer_are_listed_by_their_end_from_a_label_on(rating: Any, catalog: Any) -> None:
    await catalog.standard()
    await catalog.customer("DL")
    today = datetime.now(UTC).date()
    first = today.replace(day=1)
    await catalog.contract("DL-1", customer="DL", start="2013-01-31", end="2013-03-15")
    await catalog.contract("DL-2", customer="DL", start="2013-03-15", end="2013-05-01", anchor_day=1)
    await catalog.contract("DL-3", customer="DL", start=first.isoformat())

    async def listed(**fields: Any) -> list[tuple[str, str, str]]:
        answer = await catalog.caller("ListBillingPeriods", pb.ListBillingPeriodsRequest(customer="DL", **fields))
        return [(due.contract, due.billing_period, due.currency) for due in answer.periods]

    this_month = ("DL-3", first.isoformat()[:7], "USD")
    old = [("DL-1", "2013-02", "USD"), ("DL-2", "2013-03", "USD"), ("DL-2", "2013-04", "USD")]
    assert await listed(from_billing_period="2013-02", ends_within_days=31) == [*old, this_month]
    assert (await listed(from_billing_period="2013-02"))[:3] == old
    assert await listed(from_billing_period="2013-04", ends_within_days=31) == [old[-1], this_month]
    assert len(await listed(from_billing_period=this_month[1], ends_within_days=366)) in (12, 13)
    stranger = rating.user("other")
    request = pb.ListBillingPeriodsRequest(customer="DL", from_billing_period="2013-01", ends_within_days=31)
    assert not (await stranger("ListBillingPeriods", request)).periods


async def test_tenants_do_not_see_one_another(rating: Any, catalog: Any) -> None:
    await catalog.standard()
    stranger = rating.user("other")

    assert not (await stranger("ListPlans", pb.ListPlansRequest())).plans
    assert not (await stranger("ListContracts", pb.ListContractsRequest())).contracts
    with pytest.raises(NotFound):
        await stranger("GetCustomer", pb.GetCustomerRequest(name="UA"))


async def test_scopes_are_enforced(rating: Any) -> None:
    with pytest.raises(Forbidden):
        await rating.user(scopes=("read",))("ApplyPlan", plan_request(fixed()))
    with pytest.raises(Forbidden):
        await rating.user()("RateUsage", pb.RateUsageRequest(contract="UA-2013", billing_period="2013-01"))
