"""What pricing produces: rows that add up to the amount, and the steps that tell how."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from money import ZERO, Exact, format_exact, times, total


class StepName(StrEnum):
    """Stable names of derivation steps, as the contract lists them."""

    QUANTITY = "quantity"
    BILLABLE = "billable"
    ROW = "row"
    CONVERTED = "converted"
    INCLUDED = "included"
    USAGE_DISCOUNT = "usage_discount"
    TIER = "tier"
    FLAT = "flat"
    PACKAGE = "package"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    FIXED = "fixed"
    DAYS = "days"
    BASE = "base"
    DISCOUNT = "discount"
    MULTIPLIER = "multiplier"
    READ = "read"
    FORMULA = "formula"
    PROGRESS = "progress"
    COMMITMENT = "commitment"
    CREDIT = "credit"
    SEATS = "seats"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Step:
    """One step in plain words, with its result."""

    name: StepName
    text: str
    value: Exact


@dataclass(frozen=True, slots=True)
class TierRow:
    """A part of the quantity at one price: `amount` is exactly quantity * unit_price + flat.

    `up_to` is None for the last or only tier. A package counts its blocks, and the price is that of one block. `row`
    says of which row of a matrix or value of a key it is; empty for other prices, and for what all rows have together.
    """

    up_to: Decimal | None
    quantity: Exact
    unit_price: Decimal
    flat: Decimal
    amount: Exact
    row: str = ""


@dataclass(frozen=True, slots=True)
class PartAmount:
    """What a part of usage costs of a price that goes by values of properties."""

    key: Hashable
    amount: Exact


@dataclass(frozen=True, slots=True)
class Derivation:
    """An exact amount and how it came about. `amount` is the sum of the rows' amounts, lifted by a minimum."""

    amount: Exact
    rows: tuple[TierRow, ...]
    steps: tuple[Step, ...]
    parts: tuple[PartAmount, ...] = field(default=(), compare=False)
    """What each part costs, before a maximum and a minimum; none of a price that has no parts, or is read again."""

    @property
    def priced_quantity(self) -> Exact | None:
        """What is priced of the quantity, where that is another one: rounded event by event, or converted."""
        names = {StepName.BILLABLE, StepName.CONVERTED}
        told = [step.value for step in self.steps if step.name in names]
        return told[-1] if told else None


@dataclass(frozen=True, slots=True)
class Words:
    """How quantities and amounts are written in the steps' texts; both may be empty."""

    unit: str
    currency: str

    @property
    def each(self) -> str:
        """Name of one unit."""
        return self.unit or "unit"

    def units(self, quantity: Exact) -> str:
        """Return a quantity with its unit."""
        return f"{format_exact(quantity)} {self.unit}".rstrip()

    def money(self, amount: Exact) -> str:
        """Return an amount with its currency."""
        return f"{format_exact(amount)} {self.currency}".rstrip()


def row(up_to: Decimal | None, quantity: Exact, unit_price: Decimal, flat: Decimal = ZERO) -> TierRow:
    """Return the row of `quantity` at a price."""
    amount = times(quantity, unit_price)
    return TierRow(up_to, quantity, unit_price, flat, total((amount, flat)) if flat else amount)


def single_row(
    up_to: Decimal | None, quantity: Exact, unit_price: Decimal, flat: Decimal = ZERO
) -> tuple[TierRow, ...]:
    """Return the one row of `quantity`; zero usage enters no tier, so it costs no flat fee either."""
    return (row(up_to, quantity, unit_price, flat),) if quantity else ()


def amount_of(rows: Iterable[TierRow]) -> Exact:
    """Return what rows cost together."""
    return total(one.amount for one in rows)


def labelled(rows: Iterable[TierRow], label: str) -> tuple[TierRow, ...]:
    """Return rows of a row of a matrix, or of a value of a key."""
    return tuple(replace(one, row=label) for one in rows)
