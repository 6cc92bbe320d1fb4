"""Shares of an amount of money, in percent: what they may be, and what they come to for one unit of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, format_decimal

HUNDRED: Final = Decimal(100)


def check_share(field: str, rate: Decimal) -> None:
    """Refuse what is no share of a whole."""
    if not ZERO <= rate <= HUNDRED:
        raise Refused(field, Reason.PRICE_INVALID, "must be 0 to 100: percent of the amount")


def of_one(percent: Decimal) -> Decimal:
    """Return what percent of one unit are, exactly."""
    return percent.scaleb(-2)


def percent_said(percent: Decimal) -> str:
    """Return percent as people write them."""
    return f"{format_decimal(percent)} %"
