"""Plans: what is sold at which price, and which version rules when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused, each_of
from chassis.text import looked_at
from money import currency
from rating.domain import commitments, discounts
from rating.domain.boundaries import Interval
from rating.domain.cost_basis import check_cost
from rating.domain.currencies import check_currency
from rating.domain.features import Feature, check_features
from rating.domain.fees import Billing, Once
from rating.domain.line_names import TAKEN_PREFIX, is_line_name
from rating.domain.notice_rule import NoticeRule
from rating.domain.plan_bounds import NO_BOUNDS, PlanBounds, check_bounds
from rating.domain.pricing.price import Price
from rating.domain.proration import FEE_PLACES_MAX, Proration, goes_by_days
from rating.domain.taking_effect import WITH_PERIODS, TakingEffect
from rating.domain.versions import Version
from rating.domain.wallets import LINE_PREFIX as CREDIT_PREFIX

_RESERVED: Final = {
    discounts.LINE_PREFIX: "discounts",
    commitments.LINE_PREFIX: "commitments",
    TAKEN_PREFIX: "fees that are taken off",
    CREDIT_PREFIX: "credit",
}


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One line of a plan. `meter` is empty for a fixed fee; `product` is empty where the meter was named directly."""

    name: str
    meter: str
    product: str
    price: Price
    proration: Proration = Proration.NONE
    once: Once = Once.NONE
    """Whether it is charged once in the life of a contract, and when."""
    billing: Billing = Billing.ARREARS
    interval: Interval | None = None
    """For how long a fee is, where that is longer than a period."""
    cost: Price | None = None
    """What it costs the seller; None: it does not say. No customer is told it."""

    def __post_init__(self) -> None:
        """Refuse an item that prices nothing, or two things."""
        check_cost(self)
        self._check_seats()
        if self.once is not Once.NONE and not self.price.is_fixed:
            message = "is for fixed fees: usage is charged in the period in which it happened; leave it out"
            raise Refused("once", Reason.PLAN_INVALID, message)
        if self.once is not Once.NONE and self.proration is not Proration.NONE:
            message = "stands beside once, and a one-off fee never goes by days; leave one of them out"
            raise Refused("proration", Reason.PLAN_INVALID, message)
        if self.billing is Billing.ADVANCE and (self.once is not Once.NONE or not self.price.is_fixed):
            message = "is for fixed fees of every period: usage is known at its end, and a one-off fee falls once"
            raise Refused("billing", Reason.PLAN_INVALID, f"{message}; leave it out")
        if self.interval is not None and (
            not self.price.is_fixed or self.once is not Once.NONE or self.proration is not Proration.NONE
        ):
            message = "is for fixed fees that are charged whole, again and again; leave it out, or once and proration"
            raise Refused("interval", Reason.PLAN_INVALID, message)
        if self.proration is not Proration.NONE and not self.price.has_days:
            message = "is for fees, included units, a maximum and a minimum: this price has none of them; leave it out"
            raise Refused("proration", Reason.PLAN_INVALID, message)
        if self.proration is Proration.DAY and not goes_by_days(self.price):
            message = f"a fee that goes by days has at most {FEE_PLACES_MAX} decimals"
            raise Refused("proration", Reason.PLAN_INVALID, message)
        if self.price.is_fixed and (self.meter or self.product):
            raise Refused("meter", Reason.PLAN_INVALID, "a fixed fee looks at no usage; leave the meter out")
        if not self.price.is_fixed and not self.meter:
            raise Refused("meter", Reason.FIELD_REQUIRED, "name the meter or the product that is priced")
        formula = self.price.formula
        if formula is not None and (self.product or self.meter != formula.meters[0]):
            message = "a formula names its meters itself, the first of them is that of the item; leave it out here"
            raise Refused("product" if self.product else "meter", Reason.PLAN_INVALID, message)

    def _check_seats(self) -> None:
        if self.price.seats is None:
            return
        has = {"once": self.once is not Once.NONE, "proration": self.proration is not Proration.NONE}
        for field in (*(name for name, is_there in has.items() if is_there), *(["interval"] if self.interval else [])):
            message = "is for fixed fees: seats are charged in every period, and always by days; leave it out"
            raise Refused(field, Reason.PLAN_INVALID, message)
        if not goes_by_days(self.price):
            message = f"a price of seats has at most {FEE_PLACES_MAX} decimals, since they go by days"
            raise Refused("seats", Reason.PLAN_INVALID, message)

    @property
    def meters(self) -> tuple[str, ...]:
        """All meters that are priced, its own first; none of a fixed fee."""
        if self.price.formula is not None:
            return self.price.formula.meters
        return (self.meter,) if self.meter else ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Prices in one currency. `effective_from` None: from the beginning, or from when the version is applied."""

    currency: str
    items: tuple[PlanItem, ...]
    description: str = ""
    effective_from: datetime | None = None
    features: tuple[Feature, ...] = ()
    notice: NoticeRule | None = None
    bounds: PlanBounds = NO_BOUNDS
    effect: TakingEffect = WITH_PERIODS

    def __post_init__(self) -> None:
        """Refuse an unknown currency, two items or features of one name, and bounds that can't be kept."""
        check_currency("currency", self.currency)
        check_features(self.features)
        names: set[str] = set()
        for position, item in enumerate(self.items):
            if item.name in names:
                message = f"the name {item.name!r} stands twice; invoice lines are told apart by it"
                raise Refused(f"items[{position}].name", Reason.PLAN_INVALID, message)
            names.add(item.name)
        self._check_calendars()
        check_bounds(self.bounds, names, currency(self.currency))

    def _check_calendars(self) -> None:
        """Refuse two calendars of one meter: its usage is cut once."""
        found: dict[str, PlanItem] = {}
        for position, item in enumerate(self.items):
            if item.price.calendar is not None:
                other = found.setdefault(item.meter, item)
                if other.price.calendar != item.price.calendar:
                    text = f"is another one than that of {other.name!r}, which prices the same meter; write it alike"
                    raise Refused(f"items[{position}].usage.calendar", Reason.PLAN_INVALID, text)


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """A plan item whose product, if it names one, is not looked up yet."""

    name: str
    meter: str
    product: str
    price: Price
    proration: Proration = Proration.NONE
    once: Once = Once.NONE
    billing: Billing = Billing.ARREARS
    interval: Interval | None = None
    cost: Price | None = None


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A plan as it was sent."""

    currency: str
    items: tuple[ItemDraft, ...]
    description: str = ""
    effective_from: datetime | None = None
    features: tuple[Feature, ...] = ()
    notice: NoticeRule | None = None
    bounds: PlanBounds = NO_BOUNDS
    effect: TakingEffect = WITH_PERIODS

    def __post_init__(self) -> None:
        """Refuse items whose names look the same: not in `Plan`, since plans that are stored stay readable."""
        seen: dict[str, str] = {}
        for position, item in enumerate(self.items):
            for prefix, what in _RESERVED.items():
                if looked_at(item.name).startswith(looked_at(prefix)):
                    message = f"must not begin with {prefix!r}: lines of {what} do; choose another name"
                    raise Refused(f"items[{position}].name", Reason.PLAN_INVALID, message)
            if is_line_name(item.name):
                message = "must not end with days in parentheses: lines of segments do; choose another name"
                raise Refused(f"items[{position}].name", Reason.PLAN_INVALID, message)
            other = seen.setdefault(looked_at(item.name), item.name)
            if other != item.name:
                message = f"the name {item.name!a} looks like {other!a}, which stands before it"
                remedy = "choose another one, since invoice lines are told apart by it"
                raise Refused(f"items[{position}].name", Reason.PLAN_INVALID, f"{message}; {remedy}")

    @property
    def products(self) -> frozenset[str]:
        """The products that its items name."""
        return frozenset(item.product for item in self.items if item.product)

    def resolved(self, meters_of_products: Mapping[str, str]) -> Plan:
        """Return the plan: items that name a product price its meter. Raises Refused."""

        def resolved_item(item: ItemDraft) -> PlanItem:
            by_product = item.product and not item.price.is_fixed
            meter = meters_of_products[item.product] if by_product else item.meter
            if item.price.formula is not None:
                meter = meter or item.price.formula.meters[0]
            return PlanItem(
                item.name,
                meter,
                item.product,
                item.price,
                item.proration,
                once=item.once,
                billing=item.billing,
                interval=item.interval,
                cost=item.cost,
            )

        items = each_of("items", self.items, resolved_item)
        return Plan(
            self.currency,
            items,
            self.description,
            self.effective_from,
            self.features,
            notice=self.notice,
            bounds=self.bounds,
            effect=self.effect,
        )


@dataclass(frozen=True, slots=True)
class NamedPlan:
    """A plan that is applied; version 0 is the one that is effective at the instant it is looked for."""

    name: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A new version of a plan, and how many periods it would price are rated permanently by another."""

    after: Version[Plan]
    frozen_periods: int


def same_content(newest: Plan, wanted: Plan) -> bool:
    """Whether applying `wanted` changes nothing; without an effective time it takes the one that is there."""
    same = replace(newest, effective_from=None) == replace(wanted, effective_from=None)
    return same and wanted.effective_from in (None, newest.effective_from)


def check_next_plan(newest: Version[Plan] | None, wanted: Plan, applied_at: datetime) -> Plan:
    """Return `wanted` with its effective time settled, or refuse it beside the version before it.

    The first version rules from the beginning unless it says otherwise, a later one from `applied_at` on. One that says
    so may rule from before the newest version, which it then puts right.
    """
    if newest is None:
        return wanted
    if newest.content.currency != wanted.currency:
        message = f"the plan is in {newest.content.currency}, and its contracts with it; make a new plan instead"
        raise Refused("currency", Reason.CURRENCY_MISMATCH, message)
    before = newest.content.effective_from
    if wanted.effective_from is None and before is not None and applied_at <= before:
        message = (
            f"say from when it rules: version {newest.version} takes effect on {before.isoformat()}, and a version "
            "without effectiveFrom would rule before it, from now on"
        )
        raise Refused("effective_from", Reason.CATALOG_CONFLICT, message)
    return replace(wanted, effective_from=wanted.effective_from or applied_at)


def plan_at(versions: Sequence[Version[Plan]], instant: datetime) -> Version[Plan] | None:
    """Return the newest version that is effective at `instant`; None before the first.

    So a version rules from its time on, whatever versions before it said of later times.
    """
    effective = [
        version
        for version in versions
        if version.content.effective_from is None or version.content.effective_from <= instant
    ]
    return max(effective, key=lambda version: version.version, default=None)
