"""The heart of rating: what a quantity costs at a price, exactly, and every step that leads there.

Pure: no clock, no rounding. The order is always the same: included units are taken off, the model prices what remains,
a minimum lifts the result. A quantity below zero (possible for meters whose values can be negative) costs what zero
costs: usage never earns money. Rounding is invoicing's, once a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from money import ZERO, exact_arithmetic, format_decimal
from rating.domain.price import FixedFee, Graduated, Package, PerUnit, Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rating.domain.price import Price, Tier

ONE = Decimal(1)


class StepName(StrEnum):
    """Stable names of derivation steps, as the contract lists them."""

    QUANTITY = "quantity"
    INCLUDED = "included"
    TIER = "tier"
    FLAT = "flat"
    PACKAGE = "package"
    MINIMUM = "minimum"
    FIXED = "fixed"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Step:
    """One step in plain words, with its result."""

    name: StepName
    text: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class TierRow:
    """A part of the quantity at one price: `amount` is exactly quantity * unit + flat.

    `up_to` is None for the last or only tier. For a package `quantity` counts blocks and `unit` is the price of one.
    """

    up_to: Decimal | None
    quantity: Decimal
    unit: Decimal
    flat: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Derivation:
    """An exact amount and how it came about. `amount` is the sum of the rows' amounts, lifted by a minimum."""

    amount: Decimal
    rows: tuple[TierRow, ...]
    steps: tuple[Step, ...]


def rate(quantity: Decimal, price: Price, *, unit: str = "", currency: str = "") -> Derivation:
    """Price the quantity of one period. `unit` and `currency` only make the steps' texts readable."""
    words = _Words(unit, currency)
    with exact_arithmetic():
        chargeable = max(quantity - price.included, ZERO)
        match price.model:
            case FixedFee(amount=fee):
                return _fixed(fee, words)
            case PerUnit(unit=each):
                rows = _one_row(None, chargeable, each, ZERO)
            case Graduated(tiers=tiers):
                rows = tuple(_slices(chargeable, tiers))
            case Volume(tiers=tiers):
                tier = _tier_of(chargeable, tiers)
                rows = _one_row(tier.up_to, chargeable, tier.unit, tier.flat)
            case Package(size=size, unit=each):
                rows = _one_row(None, _blocks(chargeable, size), each, ZERO)
            case _:
                assert_never(price.model)
        steps = [Step(StepName.QUANTITY, f"Usage of the period: {words.amount_of_units(quantity)}", quantity)]
        steps.extend(_included_steps(quantity, chargeable, price, words))
        steps.extend(_row_steps(rows, chargeable, price, words))
        amount = sum((row.amount for row in rows), start=ZERO)
        if price.minimum is not None and amount < price.minimum:
            text = f"The minimum of {words.money(price.minimum)} lifts {words.money(amount)}"
            amount = price.minimum
            steps.append(Step(StepName.MINIMUM, text, amount))
        steps.append(_total(amount, words))
        return Derivation(amount, rows, tuple(steps))


@dataclass(frozen=True, slots=True)
class _Words:
    """How quantities and amounts are written in the steps' texts."""

    unit: str
    currency: str

    def amount_of_units(self, quantity: Decimal) -> str:
        return f"{format_decimal(quantity)} {self.unit}".rstrip()

    def money(self, amount: Decimal) -> str:
        return f"{format_decimal(amount)} {self.currency}".rstrip()


def _fixed(fee: Decimal, words: _Words) -> Derivation:
    step = Step(StepName.FIXED, f"Fixed fee of {words.money(fee)} a period, whatever the usage", fee)
    return Derivation(fee, (), (step, _total(fee, words)))


def _total(amount: Decimal, words: _Words) -> Step:
    return Step(StepName.TOTAL, f"Exact amount: {words.money(amount)}, not rounded", amount)


def _row(up_to: Decimal | None, quantity: Decimal, unit: Decimal, flat: Decimal) -> TierRow:
    return TierRow(up_to, quantity, unit, flat, quantity * unit + flat)


def _one_row(up_to: Decimal | None, quantity: Decimal, unit: Decimal, flat: Decimal) -> tuple[TierRow, ...]:
    # Zero usage enters no tier, so it costs no flat fee either.
    return (_row(up_to, quantity, unit, flat),) if quantity else ()


def _slices(quantity: Decimal, tiers: tuple[Tier, ...]) -> Iterator[TierRow]:
    lower = ZERO
    for tier in tiers:
        if quantity <= lower:
            return
        upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
        yield _row(tier.up_to, upper - lower, tier.unit, tier.flat)
        lower = upper if tier.up_to is None else tier.up_to


def _tier_of(quantity: Decimal, tiers: tuple[Tier, ...]) -> Tier:
    # `up_to` is inclusive; the last tier has none, so one is always found.
    return next(tier for tier in tiers if tier.up_to is None or quantity <= tier.up_to)


def _blocks(quantity: Decimal, size: Decimal) -> Decimal:
    whole, rest = divmod(quantity, size)
    return whole + ONE if rest else whole


def _included_steps(quantity: Decimal, chargeable: Decimal, price: Price, words: _Words) -> Iterator[Step]:
    if price.included:
        text = f"{words.amount_of_units(price.included)} included, {words.amount_of_units(chargeable)} remain"
        yield Step(StepName.INCLUDED, text, chargeable)
    elif quantity < 0:
        yield Step(StepName.INCLUDED, "Usage below zero is priced as zero", chargeable)


def _row_steps(rows: tuple[TierRow, ...], chargeable: Decimal, price: Price, words: _Words) -> Iterator[Step]:
    for row in rows:
        product = row.quantity * row.unit
        if isinstance(price.model, Package):
            size = words.amount_of_units(price.model.size)
            blocks = f"{format_decimal(row.quantity)} blocks of {size}, the last one counted whole"
            text = f"{words.amount_of_units(chargeable)} take {blocks}, at {words.money(row.unit)} a block"
            yield Step(StepName.PACKAGE, text, product)
            continue
        where = "" if row.up_to is None else f" in the tier up to {words.amount_of_units(row.up_to)}"
        text = f"{words.amount_of_units(row.quantity)}{where} at {words.money(row.unit)} each"
        yield Step(StepName.TIER, text, product)
        if row.flat:
            yield Step(StepName.FLAT, f"Flat fee of the tier: {words.money(row.flat)}", row.flat)
