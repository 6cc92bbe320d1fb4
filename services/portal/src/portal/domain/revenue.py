"""What the seller earns in some months: sums that invoicing made of the bills of its customers."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from portal.domain.views import Amount, View

Cut = Literal["customer", "item", "plan"]
_MONTHS: Final = 12


class RevenueRow(View):
    """One customer, item or plan, in one currency."""

    key: str = Field(description="Key of the customer, name of the item, or name of the plan.")
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
    rows: tuple[RevenueRow, ...] = Field(description="By currency, the largest first.")
    totals: tuple[RevenueTotal, ...] = Field(description="One for each currency, by its code, over all rows.")
    is_whole: bool = Field(description="False where there are more live bills than are added up at once.")
    next: str | None = Field(description="What to send as `after` for the next rows; null on the last.")


def months_until(billing_period: str, count: int) -> tuple[str, ...]:
    """Return the labels of `count` months, of which `billing_period` is the last. Example: ("2013-11", "2013-12")."""
    year, month = map(int, billing_period.split("-"))
    last = year * _MONTHS + month - 1
    return tuple(f"{each // _MONTHS:04}-{each % _MONTHS + 1:02}" for each in range(last - count + 1, last + 1))
