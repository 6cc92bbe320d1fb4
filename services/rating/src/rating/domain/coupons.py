"""Coupons: codes that become a discount of a contract when they are redeemed.

A coupon takes nothing off by itself. Redeeming it adds a dated discount to the contract, which from then on is the only
thing that rating looks at; that it was redeemed is a fact, and facts are what its limits count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, currency, round_to_minor_unit
from rating.domain.billing_period import period_at
from rating.domain.discount_sizes import check_one_size, check_takes_units_off, check_units
from rating.domain.discounts import Discount, first_day_after_periods

if TYPE_CHECKING:
    from rating.domain.billing_period import Schedule
    from rating.domain.plans import Plan

_HUNDRED: Final = Decimal(100)
_TOLD_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Coupon:
    """The discount that a coupon makes, and who may redeem it when and how often.

    `discount` is its name on the invoice, "" for the code. One of `percent`, `amount`, `usage` and `usage_percent` is
    given, the amount in `currency`. `periods` None: without end; `limit` None: without limit. Days are those of the
    contract's zone.
    """

    discount: str
    percent: Decimal | None
    amount: Decimal | None
    currency: str
    items: tuple[str, ...]
    periods: int | None
    redeem_from: date | None
    redeem_until: date | None
    limit: int | None
    per_customer: int
    usage: Decimal | None = None
    usage_percent: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse a coupon that makes no discount, or that nobody could redeem."""
        check_one_size("discount", Reason.COUPON_INVALID, self)
        if self.usage is not None or self.usage_percent is not None:
            check_units("discount", Reason.COUPON_INVALID, self)
        if self.percent is not None and not ZERO < self.percent <= _HUNDRED:
            raise _invalid("discount.percent", "must be above 0, and at most 100: percent of what is charged")
        self._check_amount()
        if self.redeem_from is not None and self.redeem_until is not None and self.redeem_until <= self.redeem_from:
            message = f"{self.redeem_until} is the first day after it; it must be later than {self.redeem_from}"
            raise _invalid("redeem_until", message)

    def _check_amount(self) -> None:
        if self.amount is None:
            if self.currency:
                raise _invalid("discount.currency", "belongs to an amount; leave it out, all else goes in any currency")
            return
        if self.amount <= ZERO:
            raise _invalid("discount.amount", "must be above 0; it is taken off")
        if not self.currency:
            raise _invalid("discount.currency", "say of which currency the amount is, such as EUR")
        unit = currency(self.currency)
        if self.amount != round_to_minor_unit(self.amount, unit):
            raise _invalid("discount.amount", f"has at most {unit.minor_units} decimals in {unit.code}")

    def discount_from(self, code: str, start: date, schedule: Schedule) -> Discount:
        """Return the discount that it makes of a contract's periods from a day on."""
        until = None if self.periods is None else first_day_after_periods(schedule, start, self.periods)
        name = self.discount or code
        return Discount(name, self.percent, self.amount, self.items, start, until, self.usage, self.usage_percent)


@dataclass(frozen=True, slots=True)
class Redemption:
    """That a coupon was redeemed; `discount` is what the contract has of it since its version."""

    id: str
    coupon: str
    coupon_version: int
    customer: str
    contract: str
    contract_version: int
    discount: Discount
    redeemed_at: datetime


@dataclass(frozen=True, slots=True)
class Redeemed:
    """How often a coupon was redeemed in all, and by one customer."""

    in_all: int
    by_customer: int


def check_redeemable(code: str, coupon: Coupon, day: date, customer: str, redeemed: Redeemed) -> None:
    """Refuse a redemption on a day of the contract's zone that comes too early, too late or too often."""
    if coupon.redeem_from is not None and day < coupon.redeem_from:
        raise _not_redeemable(f"{code!r} may be redeemed from {coupon.redeem_from} on; today is {day}")
    if coupon.redeem_until is not None and day >= coupon.redeem_until:
        message = f"{code!r} could be redeemed before {coupon.redeem_until}; today is {day}"
        raise _not_redeemable(f"{message}: use another coupon, or apply it with a later redeemUntil")
    if coupon.limit is not None and redeemed.in_all >= coupon.limit:
        message = f"{code!r} is used up: it was redeemed {_times(redeemed.in_all)} of {coupon.limit}"
        raise _not_redeemable(f"{message}; use another coupon, or apply it with a higher limit")
    if redeemed.by_customer >= coupon.per_customer:
        message = f"customer {customer!r} has redeemed {code!r} {_times(redeemed.by_customer)} already"
        raise _not_redeemable(f"{message}, as often as one customer may; use another coupon, or raise its perCustomer")


def check_fits(code: str, coupon: Coupon, plans: Iterable[Plan]) -> None:
    """Refuse a coupon for a contract whose plan has none of its items in one of its versions, or another currency."""
    versions = tuple(plans)
    known = {item.name for plan in versions for item in plan.items}
    missing = [name for name in coupon.items if name not in known]
    if missing:
        told = ", ".join(repr(name) for name in missing[:_TOLD_MAX])
        message = f"{code!r} is taken off {told}, which the plan of the contract does not have"
        raise _not_redeemable(f"{message}; its items: {', '.join(sorted(known))}")
    if coupon.usage is not None or coupon.usage_percent is not None:
        check_takes_units_off("coupon", Reason.COUPON_NOT_REDEEMABLE, coupon.items, versions)
    paid_in = versions[-1].currency
    if coupon.currency and coupon.currency != paid_in:
        message = f"{code!r} takes an amount in {coupon.currency} off, and the contract is in {paid_in}"
        raise _not_redeemable(f"{message}; use a coupon in {paid_in}, or one in percent")


def first_day_of_discount(schedule: Schedule, now: datetime) -> date:
    """Return from which day a coupon that is redeemed now takes something off: the period that runs has it, too.

    Before the contract that is its first day. Raises Refused after it.
    """
    zone = ZoneInfo(schedule.zone)
    period = period_at(schedule, now)
    if period is not None:
        return max(period.start.astimezone(zone).date(), schedule.start)
    if now.astimezone(zone).date() < schedule.start:
        return schedule.start
    message = f"the contract ended on {schedule.end}; redeem the coupon for one that goes on"
    raise Refused("contract", Reason.COUPON_NOT_REDEEMABLE, message)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _invalid(field: str, text: str) -> Refused:
    return Refused(field, Reason.COUPON_INVALID, text)


def _not_redeemable(text: str) -> Refused:
    return Refused("coupon", Reason.COUPON_NOT_REDEEMABLE, text)
