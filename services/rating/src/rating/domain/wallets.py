"""Wallets: lots of credit in money, each good for the days, the currency and the items that it says.

A lot is a fact. What was drawn from it are facts, too, so what is left is its amount less all of them; nothing is
counted down, and nothing has to run when a lot expires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, Currency, exact_arithmetic, round_to_minor_unit

LINE_PREFIX: Final = "Credit: "
"""How the charge of a lot is named, before its reason; no item of a plan is named so."""
LOTS_MAX: Final = 1000
"""Most lots of a customer that are granted; commitments and corrections may add some."""


class LotKind(StrEnum):
    """Where credit comes from; the names are those of the contract, without its prefix."""

    PROMOTIONAL = "PROMOTIONAL"
    PAID = "PAID"


class LotTax(StrEnum):
    """When credit is taxed; the names are those of the contract, without its prefix."""

    NONE = "NONE"
    PURCHASE = "PURCHASE"
    USE = "USE"


@dataclass(frozen=True, slots=True)
class Voided:
    """What was left of a lot is taken back."""

    reason: str
    voided_at: datetime


@dataclass(frozen=True, slots=True)
class Lot:
    """An amount of money that pays for what accrues from `first_day` on and before `until` (None: without end).

    Days are those of each contract that it pays for. No `items`: it pays for every charge in its currency.
    """

    id: str
    customer: str
    number: int
    currency: str
    amount: Decimal
    first_day: date
    until: date | None
    priority: int
    items: tuple[str, ...]
    kind: LotKind
    taxed: LotTax
    reason: str
    granted_at: datetime
    contract: str = ""
    """The only contract that it pays for; empty: all of the customer's."""
    voided: Voided | None = None

    @property
    def line(self) -> str:
        """How its charges are named: no two lots of a customer alike."""
        return f"{LINE_PREFIX}{self.reason} (lot {self.number})"

    @property
    def order(self) -> tuple[int, date, bool, datetime, int]:
        """Which lots are drawn first: low priorities, those that expire, what was given, and the older ones."""
        return self.priority, self.until or date.max, self.kind is LotKind.PAID, self.granted_at, self.number

    def meets(self, first: date, last: date) -> bool:
        """Whether it is good on any of some days."""
        return self.first_day <= last and (self.until is None or first < self.until)


@dataclass(frozen=True, slots=True)
class OpenLot:
    """A lot, and how much of it a period may draw."""

    lot: Lot
    left: Decimal


@dataclass(frozen=True, slots=True)
class Standing:
    """How a lot stands: what is drawn, pending, left, expired and voided is its amount."""

    lot: Lot
    drawn: Decimal
    pending: Decimal
    left: Decimal
    expired: Decimal
    voided: Decimal


def check_lot(lot: Lot, unit: Currency) -> None:
    """Refuse a lot of nothing, for no time, or one that is taxed where it can't be."""
    if lot.amount <= ZERO:
        raise Refused("amount", Reason.CREDIT_INVALID, "must be above zero")
    if lot.amount != round_to_minor_unit(lot.amount, unit):
        message = f"has at most {unit.minor_units} decimals in {unit.code}: it pays for printed amounts"
        raise Refused("amount", Reason.CREDIT_INVALID, message)
    if lot.until is not None and lot.until <= lot.first_day:
        message = f"{lot.until} is the first day on which it pays no more; it must be later than {lot.first_day}"
        raise Refused("expires", Reason.CREDIT_INVALID, message)
    if len(set(lot.items)) != len(lot.items):
        raise Refused("items", Reason.CREDIT_INVALID, "names an item twice; name it once")
    if lot.kind is LotKind.PROMOTIONAL and lot.taxed is LotTax.PURCHASE:
        message = "promotional credit was not bought, so its purchase can't be taxed; leave it out, or grant it as paid"
        raise Refused("taxed", Reason.CREDIT_INVALID, message)


def taxed_by_default(kind: LotKind) -> LotTax:
    """Return when a lot is taxed where nobody says so."""
    return LotTax.USE if kind is LotKind.PAID else LotTax.NONE


def standing(lot: Lot, drawn: Decimal, pending: Decimal, today: date) -> Standing:
    """Return how a lot stands on a day, given what is drawn for good and what would be drawn now."""
    with exact_arithmetic():
        rest = lot.amount - drawn - pending
    if lot.voided is not None:
        return Standing(lot, drawn, pending, ZERO, ZERO, rest)
    if lot.until is not None and lot.until <= today:
        return Standing(lot, drawn, pending, ZERO, rest, ZERO)
    return Standing(lot, drawn, pending, rest, ZERO, ZERO)


def in_order(lots: Sequence[OpenLot]) -> list[OpenLot]:
    """Return lots in the order in which they are drawn."""
    return sorted(lots, key=lambda one: one.lot.order)
