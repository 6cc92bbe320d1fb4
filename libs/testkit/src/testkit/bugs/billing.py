"""Bugs of those who price and bill: numbers, sums, months, and what is billed twice or never."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from money import currency, round_to_minor_unit

Real = Callable[..., Any]


def has_months_of_its_own(real: Real) -> Real:
    """A period begins at midnight in UTC, wherever the customer is."""
    return lambda day, zone: real(day, ZoneInfo("UTC"))


def takes_unknown_for_nothing(real: Real) -> Real:
    """What can't be found out costs nothing."""

    def charge(item: Any, usage: Any, *others: Any) -> Any:
        from rating.domain.charges import MeterUsage  # noqa: PLC0415 - the kit is used without rating as well

        known = {item.meter: MeterUsage(Decimal(0), "", 0), **usage}
        return real(item, known, *others)

    return charge


def reads_together(real: Real) -> Real:
    """Two who change a list at the same time don't wait for one another: here, the first waits until both have read.

    Without that it would be a matter of luck whether they meet.
    """
    readers = 0
    both_have_read = asyncio.Event()

    async def read(*arguments: Any) -> Any:
        nonlocal readers
        found = await real(*arguments)
        readers += 1
        if readers > 1:
            both_have_read.set()
        await both_have_read.wait()
        return found

    return read


def writes_nothing(real: Real) -> Real:
    """Do nothing."""

    async def write(*arguments: object) -> None:
        """Do nothing."""

    return write


def bills_again(real: Real) -> Real:
    """Whoever finds that it is billed by now goes on."""

    async def add(*arguments: Any) -> None:
        from invoicing.store.lines import AlreadyBilledError  # noqa: PLC0415 - the kit is used without invoicing too

        try:
            await real(*arguments)
        except AlreadyBilledError:
            return

    return add


def gives_numbers_out_at_once(real: Real) -> Real:
    """A number is taken in a transaction of its own."""

    async def take(conn: Any, tenant: str, prefix: str) -> Any:
        statement = "UPDATE invoice_series SET last_sequence = :sequence WHERE tenant = :tenant AND prefix = :prefix"
        async with conn.engine.begin() as own:
            place = await real(own, tenant, prefix)
            await own.execute(text(statement), {"sequence": place.sequence, "tenant": tenant, "prefix": prefix})
        return place

    return take


def rounds_the_sum(real: Real) -> Real:
    """The total is the rounded exact sum, and not the sum of the lines that are printed."""

    def total(lines: Any, code: str) -> Decimal:
        return round_to_minor_unit(sum((line.exact_amount for line in lines), Decimal(0)), currency(code))

    return total
