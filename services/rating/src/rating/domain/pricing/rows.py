"""What pricing produces: rows that add up to the amount, and the steps that tell how."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from money import ZERO, Exact, format_decimal, format_exact


class StepName(StrEnum):
    """Stable names of derivation steps, as the contract lists them."""

    QUANTITY = "quantity"
    BILLABLE = "billable"
    CONVERTED = "converted"
    INCLUDED = "included"
    TIER = "tier"
    FLAT = "flat"
    PACKAGE = "package"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    FIXED = "fixed"
    DAYS = "days"
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

    `up_to` is None for the last or only tier. A package counts its blocks, and the price is that of one block.
    """

    up_to: Decimal | None
    quantity: Decimal
    unit_price: Decimal
    flat: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Derivation:
    """An exact amount and how it came about. `amount` is the sum of the rows' amounts, lifted by a minimum."""

    amount: Exact
    rows: tuple[TierRow, ...]
    steps: tuple[Step, ...]

    @property
    def priced_quantity(self) -> Decimal | None:
        """What is priced of the quantity, where that is another one: rounded event by event, or converted."""
        names = {StepName.BILLABLE, StepName.CONVERTED}
        told = [step.value for step in self.steps if step.name in names and isinstance(step.value, Decimal)]
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

    def units(self, quantity: Decimal) -> str:
        """Return a quantity with its unit."""
        return f"{format_decimal(quantity)} {self.unit}".rstrip()

    def money(self, amount: Exact) -> str:
        """Return an amount with its currency."""
        return f"{format_exact(amount)} {self.currency}".rstrip()


def row(up_to: Decimal | None, quantity: Decimal, unit_price: Decimal, flat: Decimal = ZERO) -> TierRow:
    """Return the row of `quantity` at a price."""
    return TierRow(up_to, quantity, unit_price, flat, quantity * unit_price + flat)


def single_row(
    up_to: Decimal | None, quantity: Decimal, unit_price: Decimal, flat: Decimal = ZERO
) -> tuple[TierRow, ...]:
    """Return the one row of `quantity`; zero usage enters no tier, so it costs no flat fee either."""
    return (row(up_to, quantity, unit_price, flat),) if quantity else ()
