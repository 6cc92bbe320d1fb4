"""What the seller earns in a month: sums of the invoices and drafts of its customers, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

from pydantic import Field

from portal.domain.invoices import Invoice
from portal.domain.percents import share_of
from portal.domain.views import Amount, View

Cut = Literal["customer", "item", "plan"]
_MONTHS: Final = 12


class RevenueRow(View):
    """One customer, item or plan, in one currency."""

    key: str = Field(description="Key of the customer, name of the item, or name of the plan; empty = adjustments.")
    label: str
    currency: str
    amount: Amount = Field(description="Sum of the lines, exact.")
    share: str | None = Field(description="Part of the currency's total in percent, for reading; null of zero.")
    final: Amount = Field(description="The part of it that is on final invoices.")
    bills: int = Field(description="Invoices and drafts with such lines.")


class RevenueTotal(View):
    """All of one currency."""

    currency: str
    amount: Amount = Field(description="Sum of the totals of the bills: the same as the sum of the rows, exact.")
    final: Amount
    invoices: int = Field(description="Final invoices in it.")
    drafts: int = Field(description="Drafts in it, which may still move.")


class Revenue(View):
    """The invoices of some months, and the drafts of what is not final in them."""

    first_period: str = Field(description="Label of the first month.", examples=["2013-09"])
    billing_period: str = Field(description="Label of the last month.")
    by: Cut
    rows: tuple[RevenueRow, ...] = Field(description="The largest first.")
    totals: tuple[RevenueTotal, ...] = Field(description="One for each currency, by its code.")
    is_whole: bool = Field(description="False where there are more bills than are added up at once.")


def months_until(billing_period: str, count: int) -> tuple[str, ...]:
    """Return the labels of `count` months, of which `billing_period` is the last. Example: ("2013-11", "2013-12")."""
    year, month = map(int, billing_period.split("-"))
    last = year * _MONTHS + month - 1
    return tuple(f"{each // _MONTHS:04}-{each % _MONTHS + 1:02}" for each in range(last - count + 1, last + 1))


def revenue_of(bills: Iterable[Invoice], months: tuple[str, ...], cut: Cut, *, is_whole: bool) -> Revenue:
    """Add the bills of some months up. Each line counts once, so that rows and totals are the same money."""
    found = list(bills)
    amounts: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    finals: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for bill in found:
        keys = set()
        for line in bill.lines:
            key = (bill.currency, *_cut(bill, line.item, line.plan, cut))
            keys.add(key)
            amounts[key] += line.amount
            finals[key] += line.amount if bill.status == "final" else Decimal(0)
        for key in keys:
            counts[key] += 1
    totals = _totals(found)
    whole = {total.currency: total.amount for total in totals}
    rows = [
        RevenueRow(
            key=key,
            label=label,
            currency=currency,
            amount=amount,
            share=share_of(amount, whole[currency]),
            final=finals[currency, key, label],
            bills=counts[currency, key, label],
        )
        for (currency, key, label), amount in amounts.items()
    ]
    rows.sort(key=lambda row: (row.currency, -row.amount, row.key))
    return Revenue(
        first_period=months[0],
        billing_period=months[-1],
        by=cut,
        rows=tuple(rows),
        totals=totals,
        is_whole=is_whole,
    )


def _cut(bill: Invoice, item: str, plan: str, cut: Cut) -> tuple[str, str]:
    if cut == "customer":
        return bill.customer, bill.customer_name or bill.customer
    key = item if cut == "item" else plan
    return key, key


def _totals(bills: Iterable[Invoice]) -> tuple[RevenueTotal, ...]:
    by_currency: dict[str, list[Invoice]] = defaultdict(list)
    for bill in bills:
        by_currency[bill.currency].append(bill)
    return tuple(
        RevenueTotal(
            currency=currency,
            amount=sum((bill.total for bill in found), Decimal(0)),
            final=sum((bill.total for bill in found if bill.status == "final"), Decimal(0)),
            invoices=sum(bill.status == "final" for bill in found),
            drafts=sum(bill.status == "draft" for bill in found),
        )
        for currency, found in sorted(by_currency.items())
    )
