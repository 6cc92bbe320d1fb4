"""Numbers without gaps, periods billed once, decimals kept to the last digit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from chassis.postgres import transaction
from invoicing.domain.accounts import Account
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.composition import adjust
from invoicing.domain.invoices import FrozenInvoice
from invoicing.domain.lines import BilledPeriod
from invoicing.loops import loops
from invoicing.operations.deps import Deps
from invoicing.store import audits, invoices, lines
from testkit.clock import FakeClock
from testkit.wait import eventually

ChargeMaker = Callable[..., Charge]
RatedMaker = Callable[..., Rated]
Bill = Callable[..., Awaitable[FrozenInvoice]]
Database = Any

ACCOUNT = Account("UA", "USD")


async def numbers(database: Database) -> list[str]:
    async with transaction(database.app) as conn:
        return list((await conn.execute(text("SELECT number FROM invoice ORDER BY number"))).scalars())


async def taken_in_vain(database: Database) -> int:
    """Take the next number in a transaction that does not commit, as one that is killed half-way."""
    async with database.app.connect() as conn:
        return (await invoices.take_next_place(conn, "acme", "INV")).sequence


async def test_a_number_that_was_taken_in_vain_is_given_back(
    database: Database, bill: Bill, charge: ChargeMaker, rated: RatedMaker
) -> None:
    await bill(rated(charge()))
    assert await taken_in_vain(database) == 2

    second = await bill(rated(charge(), billing_period="2025-02"))

    assert second.number == "INV-000002"


async def test_a_first_invoice_that_failed_leaves_no_series(
    database: Database, bill: Bill, charge: ChargeMaker, rated: RatedMaker
) -> None:
    assert await taken_in_vain(database) == 1

    assert (await bill(rated(charge()))).number == "INV-000001"


async def test_many_at_once_in_two_series_are_dense_and_chained(
    database: Database, bill: Bill, charge: ChargeMaker, rated: RatedMaker, deps: Deps
) -> None:
    issued = await asyncio.gather(
        *(bill(rated(charge(), contract=f"C-{n}"), prefix="A" if n % 2 else "B") for n in range(40))
    )

    assert sorted(invoice.number for invoice in issued) == [f"{p}-{n:06d}" for p in "AB" for n in range(1, 21)]
    async with transaction(database.app) as conn:
        heads = await audits.series_heads(conn, "acme")
    assert {prefix: {state.sequence for state in states} for prefix, states in heads.items()} == {"A": {20}, "B": {20}}


async def test_a_period_has_one_invoice_and_the_second_leaves_nothing(
    database: Database, bill: Bill, charge: ChargeMaker, rated: RatedMaker
) -> None:
    await bill(rated(charge()))

    with pytest.raises(lines.AlreadyBilledError):
        await bill(rated(charge()), prefix="OTHER")

    assert await numbers(database) == ["INV-000001"]
    async with transaction(database.app) as conn:
        assert set(await audits.series_heads(conn, "acme")) == {"INV"}


async def test_two_that_adjust_the_same_usage_at_once_are_not_both_written(
    database: Database, bill: Bill, charge: ChargeMaker, rated: RatedMaker
) -> None:
    await bill(rated(charge(quantity="3")))
    async with transaction(database.app) as conn:
        (january,) = await lines.billed_periods(conn, "acme", ACCOUNT)
    now = rated(charge(quantity="5", exact_amount="1.675", events=4), snapshot_id="snap-2")
    adjustments = adjust(january, now, now)
    amended = replace(january, snapshot_id="snap-2", revision=2)

    outcomes = await asyncio.gather(
        *(bill(rated(billing_period=f"2025-{month:02d}"), *adjustments, amended=(amended,)) for month in range(2, 8)),
        return_exceptions=True,
    )

    written = [one for one in outcomes if isinstance(one, FrozenInvoice)]
    assert [one.number for one in written] == ["INV-000002"]
    assert {type(one) for one in outcomes if one is not written[0]} == {lines.AlreadyBilledError}
    assert await numbers(database) == ["INV-000001", "INV-000002"]


async def test_what_was_billed_is_read_back_exactly(
    database: Database, bill: Bill, charge: ChargeMaker, rated: RatedMaker
) -> None:
    quantity = "1234567890123456789012345678.123456789012345678901234"
    issued = await bill(rated(charge(quantity=quantity, exact_amount="0.000000000000000000000001")))

    async with transaction(database.app) as conn:
        (period,) = await lines.billed_periods(conn, "acme", ACCOUNT)

    (line,) = period.lines
    assert (period.billing_period, period.revision, period.snapshot_id) == ("2025-01", 1, "snap-1")
    assert period.period == issued.content().period
    assert (line.quantity, line.amount, line.event_count) == (Decimal(quantity), Decimal("0.00"), 3)
    assert (line.id, line.plan, line.plan_version) == ("INV-000001.1", "standard", 1)


async def test_the_newest_snapshot_counts_and_all_lines_add_up(
    database: Database, bill: Bill, charge: ChargeMaker, rated: RatedMaker
) -> None:
    await bill(rated(charge(quantity="3")))
    async with transaction(database.app) as conn:
        (january,) = await lines.billed_periods(conn, "acme", ACCOUNT)
    now = rated(charge(quantity="5", exact_amount="1.675", events=4), snapshot_id="snap-2")
    amended = BilledPeriod("C-1", "2025-01", january.period, "snap-2", revision=2)
    await bill(rated(billing_period="2025-02"), *adjust(january, now, now), amended=(amended,))

    async with transaction(database.app) as conn:
        billed = {period.billing_period: period for period in await lines.billed_periods(conn, "acme", ACCOUNT)}
        before = await lines.billed_before_line(conn, "acme", "INV-000002.1")

    assert (billed["2025-01"].revision, billed["2025-01"].snapshot_id) == (2, "snap-2")
    assert [line.id for line in billed["2025-01"].lines] == ["INV-000001.1", "INV-000002.1"]
    assert sum(line.quantity for line in billed["2025-01"].lines) == 5
    assert billed["2025-02"].lines == ()
    assert [line.id for line in before] == ["INV-000001.1"]


async def test_the_check_in_the_background_waits_for_its_interval_and_stops_when_told(
    deps: Deps, clock: FakeClock
) -> None:
    stop = asyncio.Event()
    loop = asyncio.ensure_future(loops(deps, 3600)[0].run(stop))
    await eventually(lambda: clock.sleepers == 1)

    clock.advance(3600)
    await eventually(lambda: clock.sleepers == 1)
    stop.set()

    await asyncio.wait_for(loop, 5)
