"""The store on a real Postgres: facts stay facts, marks converge, and numbers come back as they went in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.postgres import transaction
from eventlog.as_of import AsOf
from eventlog.feed.checkpoints import applied_up_to
from rating.domain.billing_period import BillingPeriod, Schedule
from rating.domain.charges import MeterUsage, RatedPeriod, Terms, Usage
from rating.domain.contracts import Contract
from rating.domain.line_names import charge_id
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.adjust import adjustments_of
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume
from rating.domain.rated_period import rate_period
from rating.domain.ruling import FrozenPeriod
from rating.domain.versions import Version
from rating.store import charges, live
from rating.store.contracts import CONTRACTS, contracts_of_customers
from rating.store.documents import charge_from_document, charge_to_document, item_from_document, item_to_document
from rating.store.plans import PLANS


def priced(model: PriceModel, included: Decimal | None, minimum: Decimal | None) -> Price:
    return Price(model, adjustments_of({"included": included, "minimum": minimum}))


NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = BillingPeriod("2013-01", datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC))
TIERS = (Tier(Decimal(10), Decimal(1), Decimal(5)), Tier(None, Decimal("0.000000000001")))
PLAN = Plan(
    "USD",
    (
        PlanItem("Fee", "", "", Price(FixedFee(Decimal(500)))),
        PlanItem("Calls", "calls", "", priced(Graduated(TIERS), Decimal(2), Decimal("0.1"))),
    ),
    description="for tests",
    effective_from=datetime(2013, 1, 1, tzinfo=UTC),
)
USAGE = Usage(
    {"calls": MeterUsage(Decimal("12345678901234567890123.123456789012"), "call", 7)}, AsOf("e", {0: 5, 1: 9})
)
TERMS = Terms("UA-2013", "UA", PERIOD, "UTC", Version("standard", 3, NOW, PLAN))


def rated(snapshot_id: str = "snap-1", amends: str = "") -> RatedPeriod:
    usage = replace(USAGE, snapshot_id=snapshot_id, amends_snapshot_id=amends)
    return rate_period(TERMS, usage, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


async def add(engine: AsyncEngine, period: RatedPeriod, tenant: str = "acme") -> bool:
    async with transaction(engine) as conn:
        return await charges.add_rated_period(conn, tenant, period, NOW)


async def test_a_rated_period_comes_back_exactly(engine: AsyncEngine) -> None:
    assert await add(engine, rated())

    async with transaction(engine) as conn:
        assert await charges.rating_of_snapshot(conn, "acme", "UA-2013", "2013-01", "snap-1") == rated()
        assert await charges.first_rating(conn, "acme", "UA-2013", "2013-01") == rated()
        found = await charges.frozen_periods(conn, "acme", ["UA-2013", "UA-2014"])
        assert found == {"UA-2013": [FrozenPeriod(PERIOD, "standard", 3)], "UA-2014": []}
        quantity = await conn.execute(text("SELECT quantity, exact_amount FROM charge WHERE item = 'Calls'"))
        assert tuple(quantity.one()) == (
            USAGE.meters["calls"].quantity,
            rated().charges[1].derivation.amount,
        )


async def test_a_charge_is_found_by_its_id_and_only_by_its_tenant(engine: AsyncEngine) -> None:
    await add(engine, rated())
    identity = charge_id("acme", "UA-2013", "2013-01", "snap-1", "Calls")

    async with transaction(engine) as conn:
        found = await charges.find_charge(conn, "acme", identity)
        foreign = await charges.find_charge(conn, "other", identity)

    assert found is not None
    assert found.charge == rated().charges[1]
    assert found.rated == replace(rated(), charges=())
    assert foreign is None


async def test_a_snapshot_is_rated_once_and_amended_once(engine: AsyncEngine) -> None:
    assert await add(engine, rated())
    assert not await add(engine, rated())
    assert not await add(engine, rated("snap-9")), "a period has one first rating"
    assert await add(engine, rated("snap-2", amends="snap-1"))
    assert not await add(engine, rated("snap-3", amends="snap-1"))
    assert await add(engine, rated("snap-1"), tenant="other")

    async with transaction(engine) as conn:
        count = await conn.execute(text("SELECT count(*) FROM charge WHERE tenant = 'acme'"))
        assert count.scalar_one() == 4


@pytest.mark.parametrize("table", ["product", "plan", "customer", "contract", "rated_period", "charge"])
async def test_the_service_can_not_change_facts(engine: AsyncEngine, table: str) -> None:
    for statement in ("UPDATE {} SET tenant = 'x'", "DELETE FROM {}", "TRUNCATE {}"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with transaction(engine) as conn:
                await conn.execute(text(statement.format(table)))


async def test_a_plan_comes_back_exactly(engine: AsyncEngine) -> None:
    plan = Version("standard", 1, NOW, PLAN)

    async with transaction(engine) as conn:
        await PLANS.add(conn, "acme", plan)
        await PLANS.add(conn, "acme", replace(plan, version=2, content=replace(PLAN, effective_from=None)))

        assert (await PLANS.versions(conn, "acme", "standard"))[0] == plan
        assert [found.version for found in await PLANS.page(conn, "acme", "", 10)] == [2]
        assert await PLANS.page(conn, "other", "", 10) == []


async def test_contracts_are_found_by_customer_in_their_newest_version(engine: AsyncEngine) -> None:
    first = Contract("UA", "standard", None, Schedule(date(2013, 1, 1), None, 31, "America/New_York"))
    ended = replace(first, plan_version=2, schedule=replace(first.schedule, end=date(2014, 1, 1)))

    async with transaction(engine) as conn:
        await CONTRACTS.add(conn, "acme", Version("UA-2013", 1, NOW, first))
        await CONTRACTS.add(conn, "acme", Version("UA-2013", 2, NOW, ended))
        await CONTRACTS.add(conn, "other", Version("UA-2013", 1, NOW, first))

        found = await contracts_of_customers(conn, [("acme", "UA"), ("acme", "DL"), ("nobody", "UA")])
        assert found == {("acme", "UA"): [Version("UA-2013", 2, NOW, ended)]}
        assert [each.version for each in await CONTRACTS.versions(conn, "acme", "UA-2013")] == [1, 2]
        assert len(await CONTRACTS.page(conn, "acme", "", 10, customer="UA")) == 1
        assert await CONTRACTS.page(conn, "acme", "", 10, customer="DL") == []
        assert await CONTRACTS.page(conn, "acme", "UA-2013", 10) == []


async def test_entries_are_looked_up_by_the_index_in_a_table_that_was_just_filled(engine: AsyncEngine) -> None:
    contract = Contract("UA", "standard", None, Schedule(date(2013, 1, 1), None, 1, "UTC"), date(2013, 1, 1))
    names = [f"c-{number}" for number in range(2_000)]
    async with engine.connect() as conn:
        await CONTRACTS.add_all(
            conn, "acme", [Version(name, 1, NOW, replace(contract, customer=name)) for name in names]
        )
        before = await rows_read_in_turn(conn)
        assert len(await CONTRACTS.versions_of(conn, "acme", names[:500])) == 500
        assert len(await contracts_of_customers(conn, [("acme", name) for name in names[:500]])) == 500
        assert await rows_read_in_turn(conn) == before


async def rows_read_in_turn(conn: AsyncConnection) -> int:
    """Return how many rows this transaction has read of the table from its beginning."""
    query = "SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables WHERE relname = 'contract'"
    return int((await conn.execute(text(query))).scalar_one())


# --- marks -----------------------------------------------------------------------------------------------------------

KEY = ("acme", "UA-2013", "2013-01")


async def mark(engine: AsyncEngine, *keys: tuple[str, str, str]) -> None:
    async with transaction(engine) as conn:
        await live.mark_dirty(conn, keys or (KEY,), NOW)


async def claims(engine: AsyncEngine, now: datetime = NOW, limit: int = 10) -> list[live.Claim]:
    async with transaction(engine) as conn:
        return await live.claim_dirty(conn, now, now + timedelta(seconds=60), limit, uuid4())


async def keep(engine: AsyncEngine, claim: live.Claim, now: datetime = NOW) -> bool:
    charged = replace(rated(), snapshot_id="", amends_snapshot_id="", traceparent="")
    async with transaction(engine) as conn:
        return await live.keep_live_period(conn, claim, charged, now)


async def is_dirty(engine: AsyncEngine) -> bool:
    async with transaction(engine) as conn:
        return await live.is_dirty(conn, *KEY)


async def test_marks_of_one_period_are_rated_once(engine: AsyncEngine) -> None:
    for _ in range(3):
        await mark(engine)

    (claim,) = await claims(engine)

    assert claim.marks == 3
    assert await claims(engine) == [], "it is taken"
    assert await keep(engine, claim)
    assert not await is_dirty(engine)
    async with transaction(engine) as conn:
        charged = await live.find_live_period(conn, *KEY)
        assert charged is not None
        assert charged.charges == rated().charges
        assert charged.as_of == USAGE.as_of


async def test_a_mark_made_while_it_is_rated_makes_it_due_again(engine: AsyncEngine) -> None:
    await mark(engine)
    (claim,) = await claims(engine)

    await mark(engine)

    assert await keep(engine, claim)
    assert await is_dirty(engine)
    (again,) = await claims(engine)
    assert again.marks == 2
    assert await keep(engine, again)
    assert not await is_dirty(engine)


async def test_a_run_that_was_too_slow_can_not_overwrite_its_successor(engine: AsyncEngine) -> None:
    await mark(engine)
    (slow,) = await claims(engine)
    (successor,) = await claims(engine, NOW + timedelta(seconds=61))

    assert await keep(engine, successor)
    assert not await keep(engine, slow)

    await mark(engine)
    assert not await keep(engine, slow)
    assert await is_dirty(engine)


async def test_what_failed_is_put_off_and_the_others_go_on(engine: AsyncEngine) -> None:
    await mark(engine, KEY, ("acme", "DL-2013", "2013-01"))
    (first,) = await claims(engine, limit=1)
    later = NOW + timedelta(seconds=5)

    async with transaction(engine) as conn:
        await live.postpone(conn, first, later)

    (other,) = await claims(engine)
    assert other.contract != first.contract
    (again,) = await claims(engine, later)
    assert (again.contract, again.attempts) == (first.contract, 1)


async def test_a_tenant_with_much_to_rate_does_not_keep_one_with_little_waiting(engine: AsyncEngine) -> None:
    await mark(engine, *(("acme", f"contract-{number:04}", "2013-01") for number in range(3000)))
    async with transaction(engine) as conn:
        for tenant in ("beta", "zeta"):
            await live.mark_dirty(conn, [(tenant, "late", "2013-01")], NOW + timedelta(seconds=1))

    taken = await claims(engine, NOW + timedelta(seconds=2), limit=8)

    assert [claim.tenant for claim in taken[:3]] in (["acme", "beta", "zeta"], ["acme", "zeta", "beta"])
    assert [claim.tenant for claim in taken[3:]] == ["acme"] * 5
    async with transaction(engine) as conn:
        await live.give_back(conn, taken[1:], NOW + timedelta(seconds=2))
    again = await claims(engine, NOW + timedelta(seconds=3), limit=3)
    assert {claim.tenant for claim in again} == {"acme", "beta", "zeta"}
    assert not {claim.contract for claim in again if claim.tenant == "acme"} & {taken[0].contract}


async def test_two_runs_never_take_the_same_period(engine: AsyncEngine) -> None:
    await mark(engine, *((f"tenant-{number % 7}", f"contract-{number}", "2013-01") for number in range(200)))

    runs = await asyncio.gather(*(claims(engine, limit=20) for _ in range(5)))

    taken = [(claim.tenant, claim.contract) for run in runs for claim in run]
    assert len(taken) == len(set(taken)) > 20


async def test_a_period_that_is_gone_is_forgotten(engine: AsyncEngine) -> None:
    await mark(engine)
    (claim,) = await claims(engine)
    assert await keep(engine, claim)
    await mark(engine)
    (claim,) = await claims(engine)

    async with transaction(engine) as conn:
        await live.drop_live_period(conn, claim, NOW)
        assert await live.find_live_period(conn, *KEY) is None
        assert await live.count_dirty(conn, "acme") == 0


async def test_before_the_first_segment_nothing_is_applied(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        assert await applied_up_to(conn, "usage-changes") == AsOf()


# --- documents -------------------------------------------------------------------------------------------------------

numbers = st.decimals(min_value=0, max_value=10**17, places=18, allow_nan=False, allow_infinity=False)
tiers = st.lists(numbers.filter(bool), max_size=4, unique=True).flatmap(
    lambda bounds: st.tuples(*(st.builds(Tier, st.just(bound), numbers, numbers) for bound in [*sorted(bounds), None]))
)
models: st.SearchStrategy[PriceModel] = st.one_of(
    st.builds(PerUnit, numbers),
    st.builds(Graduated, tiers),
    st.builds(Volume, tiers),
    st.builds(Package, numbers.filter(bool), numbers),
)


@given(models, numbers, st.none() | numbers, numbers)
def test_items_and_charges_survive_as_documents(
    model: PriceModel, included: Decimal, minimum: Decimal | None, quantity: Decimal
) -> None:
    item = PlanItem("Calls", "calls", "product", priced(model, included, minimum))
    terms = replace(TERMS, plan=replace(TERMS.plan, content=replace(PLAN, items=(item,))))
    (charge,) = rate_period(terms, replace(USAGE, meters={"calls": MeterUsage(quantity, "call", 1)})).charges

    assert item_from_document(item_to_document(item)) == item
    assert charge_from_document(charge_to_document(charge)) == charge


def test_documents_from_before_prices_had_their_name_read_alike() -> None:
    item = {"name": "Calls", "meter": "calls", "product": "", "included": "0", "minimum": None}
    tiers = [{"upTo": "10", "unit": "1", "flat": "5"}, {"upTo": None, "unit": "0.5", "flat": "0"}]

    graduated = item_from_document({**item, "model": {"kind": "graduated", "tiers": tiers}})
    per_unit = item_from_document({**item, "model": {"kind": "perUnit", "unit": "2"}})

    assert graduated.price == Price(Graduated((Tier(Decimal(10), Decimal(1), Decimal(5)), Tier(None, Decimal("0.5")))))
    assert per_unit.price == Price(PerUnit(Decimal(2)))
