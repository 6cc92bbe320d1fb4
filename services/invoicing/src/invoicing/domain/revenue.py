"""Revenue: the lines of the bills of some months, by customer, item or plan. Sums of what is printed, no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from invoicing.domain.document import MONEY, Invoice, InvoiceLine
from money import ZERO, exact_arithmetic

MONTHS_MAX: Final = 12
_MONTHS_OF_YEAR: Final = 12


class Cut(StrEnum):
    """What the rows are."""

    CUSTOMER = "customer"
    ITEM = "item"
    PLAN = "plan"

    def key_of(self, bill: Invoice, line: InvoiceLine) -> str:
        """Return the row that a line of a bill counts for."""
        return {Cut.CUSTOMER: bill.customer, Cut.ITEM: line.item, Cut.PLAN: line.plan}[self]


@dataclass(frozen=True, slots=True)
class Months:
    """Labels of the first and the last month, both included."""

    first: str
    last: str

    def labels(self) -> tuple[str, ...]:
        """Return the labels of all of them, in order. Raises Refused for none, for too many, and for no months."""
        first, last = (_number_of(label) for label in (self.first, self.last))
        if not first <= last < first + MONTHS_MAX:
            message = f"write 1 to {MONTHS_MAX} months, the last not before the first"
            raise Refused("until_billing_period", Reason.PERIOD_INVALID, message)
        return tuple(
            f"{number // _MONTHS_OF_YEAR:04}-{number % _MONTHS_OF_YEAR + 1:02}" for number in range(first, last + 1)
        )


def _number_of(label: str) -> int:
    year, month = map(int, label.split("-"))
    if not 1 <= month <= _MONTHS_OF_YEAR:
        raise Refused("billing_period", Reason.PERIOD_INVALID, f"there is no month {label}; write one such as 2013-01")
    return year * _MONTHS_OF_YEAR + month - 1


@dataclass(frozen=True, slots=True)
class Sum:
    """Final lines of one row in one currency, and the number of invoices with such lines."""

    currency: str
    key: str
    amount: Decimal
    bills: int


@dataclass(frozen=True, slots=True)
class Row:
    """One customer, item or plan in one currency."""

    key: str
    currency: str
    amount: Decimal = field(metadata=MONEY)
    final_amount: Decimal = field(metadata=MONEY)
    bill_count: int

    @property
    def place(self) -> tuple[str, Decimal, str]:
        """Where it lies: by currency, the largest amount first."""
        return self.currency, self.amount.copy_negate(), self.key


@dataclass(frozen=True, slots=True)
class Total:
    """All of one currency."""

    currency: str
    amount: Decimal = field(metadata=MONEY)
    final_amount: Decimal = field(metadata=MONEY)
    invoice_count: int
    draft_count: int


def rows_of(final: Iterable[Sum], drafts: Iterable[Invoice], cut: Cut) -> list[Row]:
    """Return the rows of final invoices and drafts together, in their order. Each line counts once."""
    finals: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    live: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    bills: dict[tuple[str, str], int] = defaultdict(int)
    with exact_arithmetic():
        for one in final:
            finals[one.currency, one.key] += one.amount
            bills[one.currency, one.key] += one.bills
        for draft in drafts:
            keys = [(draft.currency, cut.key_of(draft, line)) for line in draft.lines]
            for key, line in zip(keys, draft.lines, strict=True):
                live[key] += line.amount
            for key in set(keys):
                bills[key] += 1
        rows = [
            Row(key, currency, finals[currency, key] + live[currency, key], finals[currency, key], count)
            for (currency, key), count in bills.items()
        ]
    return sorted(rows, key=lambda row: row.place)


def totals_of(rows: Iterable[Row], invoices: dict[str, int], drafts: Sequence[Invoice]) -> list[Total]:
    """Return the total of each currency; `invoices` says how many final ones there are in it."""
    by_currency: dict[str, list[Row]] = {code: [] for code in invoices}
    for draft in drafts:
        by_currency.setdefault(draft.currency, [])
    for row in rows:
        by_currency.setdefault(row.currency, []).append(row)
    with exact_arithmetic():
        return [
            Total(
                currency=code,
                amount=sum((row.amount for row in found), ZERO),
                final_amount=sum((row.final_amount for row in found), ZERO),
                invoice_count=invoices.get(code, 0),
                draft_count=sum(draft.currency == code for draft in drafts),
            )
            for code, found in sorted(by_currency.items())
        ]
