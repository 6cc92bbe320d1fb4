"""What is odd about prices, before anybody is billed by them: found by looking at them, and by trying them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from money import ZERO, Exact, currency, exact_arithmetic, exact_of, format_exact, round_to_minor_unit
from rating.domain.explained_prices import bounds_metered, ends_of, metered
from rating.domain.lint_of_bounds import odd_bounds
from rating.domain.meters import with_components
from rating.domain.pricing.adjust import Included, Minimum
from rating.domain.pricing.bands import BAND
from rating.domain.pricing.calendar import PROPERTY
from rating.domain.pricing.fields import fields_of
from rating.domain.pricing.rows import Words
from rating.domain.rate import rate
from rating.domain.seats import UNIT
from rating.domain.unpriced import NotByBandError

if TYPE_CHECKING:
    from rating.domain.features import Feature
    from rating.domain.meters import KnownMeter
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.price import Price

_JUST_ABOVE: Final = Decimal("0.000001")
"""A step that is small beside any tier, where quantities are no whole numbers."""
_VERY_MUCH: Final = Decimal(10) ** 12
"""More than anybody uses."""


class Level(StrEnum):
    """How bad it is: ERROR can't be billed, WARNING is hardly meant, INFO is worth knowing."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is odd, and what to do. `code` is stable; `quantity` is where it happens, if it does at one."""

    level: Level
    code: str
    message: str
    plan: str = ""
    item: str = ""
    meter: str = ""
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Looked:
    """An item as the rules look at it; `meter` is None for one that there is not, or a fixed fee."""

    item: PlanItem
    meter: KnownMeter | None
    code: str

    @property
    def price(self) -> Price:
        return self.item.price

    @property
    def words(self) -> Words:
        unit = UNIT if self.price.seats is not None else ""
        return Words(self.meter.unit if self.meter else unit, self.code)

    @property
    def priced_words(self) -> Words:
        convert = self.price.convert
        return Words((convert.unit if convert else "") or self.words.unit, self.code)

    @property
    def included(self) -> Decimal:
        return sum((each.value for each in self.price.adjustments if isinstance(each, Included)), start=ZERO)

    @property
    def step(self) -> Decimal | None:
        """What priced quantities are multiples of; None where they may be anything."""
        if self.price.seats is not None:
            return Decimal(1)
        convert = self.price.convert
        if convert is not None and convert.increment is not None:
            return convert.increment
        if self.meter is None or not self.meter.is_whole:
            return None
        return Decimal(1) if convert is None or convert.multiply is None else convert.multiply

    def cost(self, quantity: Decimal, price: Price | None = None) -> Exact:
        return rate(quantity, price or self.price).amount


_Rule = Callable[[_Looked], Iterator[Finding]]


def lint_plan(name: str, plan: Plan, meters: Mapping[str, KnownMeter]) -> tuple[Finding, ...]:
    """Return what is odd about a plan, item by item; `meters` are those that there are."""
    with exact_arithmetic():
        found = [
            replace(finding, plan=name, item=item.name, meter=item.meter)
            for item in plan.items
            for finding in _of_item(item, plan, meters)
        ]
        others = (*_priced_twice(plan), *(one for feature in plan.features for one in _of_feature(feature, meters)))
        bounds = (Finding(Level.WARNING, code, text) for code, text in odd_bounds(plan))
        return (*found, *(replace(finding, plan=name) for finding in (*others, *bounds)))


def lint_meters(meters: Iterable[str], plans: Iterable[Plan], known: Mapping[str, KnownMeter]) -> tuple[Finding, ...]:
    """Return the meters that no plan prices, neither themselves nor by a formula that reads them, by name."""
    priced = with_components((meter for plan in plans for item in plan.items for meter in item.meters), known)
    text = "no item of any plan prices this meter, so what it counts is on no invoice; price it, or keep it for looking"
    return tuple(
        Finding(Level.INFO, "meter-unused", text, meter=meter) for meter in sorted(set(meters)) if meter not in priced
    )


def lint_currencies(of_customers: AbstractSet[str], plans: Iterable[Plan]) -> tuple[Finding, ...]:
    """Return the currencies of customers in which no plan has a price."""
    missing = of_customers - {plan.currency for plan in plans}
    return tuple(
        Finding(
            Level.WARNING,
            "currency-without-price",
            f"there are customers in {code}, but no plan has prices in {code}; apply a plan in it",
        )
        for code in sorted(missing)
    )


def _of_feature(feature: Feature, meters: Mapping[str, KnownMeter]) -> Iterator[Finding]:
    meter = meters.get(feature.meter)
    if feature.meter and meter is None:
        text = (
            f"feature {feature.name!r} counts the meter {feature.meter!r}, which does not exist; until it is applied, "
            "no entitlement of a customer with this plan is answered"
        )
        yield Finding(Level.ERROR, "meter-missing", text, meter=feature.meter)
    if feature.rollover is not None and meter is not None and not meter.adds_up:
        text = (
            f"feature {feature.name!r} carries over what is left of the meter {feature.meter!r}, which does not add up "
            "over time; take a meter that sums or counts, or leave the rollover out"
        )
        yield Finding(Level.ERROR, "rollover-does-not-add-up", text, meter=feature.meter)


def _of_item(item: PlanItem, plan: Plan, meters: Mapping[str, KnownMeter]) -> Iterator[Finding]:
    meter = meters.get(item.meter)
    yield from _of_meters(item, meters)
    if item.price.is_of_events or item.price.formula is not None:
        # What one quantity costs says nothing of them.
        return
    if item.price.spread is None:
        looked = _Looked(item, meter, plan.currency)
        for rule in _OF_FEES if item.price.is_fixed and item.price.seats is None else _OF_USAGE:
            yield from rule(looked)
        return
    if meter is not None:
        derived = {PROPERTY} if item.price.calendar else set()
        yield from _not_by_groups([key for key in item.price.by if key not in derived], item.meter, meter)
    for values, model, included in item.price.spread.examples():
        part = replace(item, price=item.price.of_part(model, included))
        where = ", ".join(f"{key} {value}" for key, value in zip(item.price.by, values, strict=True) if value)
        for rule in _OF_USAGE:
            for finding in rule(_Looked(part, meter, plan.currency)):
                yield replace(finding, message=f"{where}: {finding.message}")


def _not_by_groups(by: Iterable[str], name: str, meter: KnownMeter) -> Iterator[Finding]:
    for key in by:
        if meter.group_by is not None and key not in meter.group_by:
            there = ", ".join(map(repr, sorted(meter.group_by))) or "nothing"
            text = (
                f"the price goes by {key!r}, by which the meter {name!r} does not group: it groups by {there}; until "
                "it does, nothing of a contract with this plan is billed"
            )
            yield Finding(Level.ERROR, "group-missing", text)
    if not meter.adds_up:
        text = (
            f"the groups of the meter {name!r} do not add up to its quantity: a price by values is for meters that sum "
            "or count; nothing of a contract with this plan is billed"
        )
        yield Finding(Level.ERROR, "groups-not-added", text)


def _of_meters(item: PlanItem, meters: Mapping[str, KnownMeter]) -> Iterator[Finding]:
    for name in (name for name in item.meters if name not in meters):
        text = f"there is no meter {name!r}; until it is applied, nothing of a contract with this plan is billed"
        yield Finding(Level.ERROR, "meter-missing", text)
    meter = meters.get(item.meter)
    is_of_money = any(model.IS_OF_MONEY for model in item.price.models)
    if is_of_money and meter is not None and (meter.is_whole or not meter.adds_up):
        text = f"the price is a share of money, and the meter {item.meter!r} sums no amounts; price a SUM of amounts"
        yield Finding(Level.ERROR, "no-sum-of-money", text)
    if item.price.is_of_events:
        yield from _not_by_bands(item, meter)


def _not_by_bands(item: PlanItem, meter: KnownMeter | None) -> Iterator[Finding]:
    needed = {format_exact(exact_of(bound)) for bound in item.price.event_bounds}
    if meter is not None and (meter.bands is None or not needed <= meter.bands):
        yield Finding(Level.ERROR, "bands-missing", str(NotByBandError(item)))
    if meter is not None:
        derived = {BAND, *({PROPERTY} if item.price.calendar else ())}
        yield from _not_by_groups([key for key in item.price.by if key not in derived], item.meter, meter)


def _priced_twice(plan: Plan) -> Iterator[Finding]:
    names: dict[str, list[str]] = {}
    for item in plan.items:
        for meter in item.meters:
            names.setdefault(meter, []).append(item.name)
    for meter, items in names.items():
        if len(items) > 1:
            text = f"{', '.join(map(repr, items))} price the same meter: each unit is billed by all of them"
            yield Finding(Level.INFO, "meter-priced-twice", text, item=items[-1], meter=meter)


def _fee_not_printed(looked: _Looked) -> Iterator[Finding]:
    amount = looked.cost(ZERO)
    printed = round_to_minor_unit(amount, currency(looked.code))
    if printed != amount:
        text = f"a fee of {looked.words.money(amount)} is printed as {printed:f}: {looked.code} has no smaller unit"
        yield Finding(Level.INFO, "fee-rounded", text)


def _nothing_costs(looked: _Looked) -> Iterator[Finding]:
    quantities = [ZERO, Decimal(1), *bounds_metered(looked.price), _VERY_MUCH]
    if not any(looked.cost(quantity) for quantity in quantities):
        text = "it costs nothing, whatever is used; write a price, or leave it if that is meant"
        yield Finding(Level.WARNING, "zero-rated", text)


def _falls(looked: _Looked) -> Iterator[Finding]:
    # In the unit that is priced: which metered quantity is the last of a step depends on how it is rounded.
    price, words, step = replace(looked.price, convert=None), looked.priced_words, looked.step
    for bound in dict.fromkeys(end if step is None else end // step * step for end in ends_of(price)):
        above = bound + (step or _JUST_ABOVE)
        before, after = looked.cost(bound, price), looked.cost(above, price)
        if after < before:
            where = words.units(above) if step else "a little more"
            text = (
                f"the total falls where usage rises: {words.units(bound)} cost {words.money(before)}, and {where} "
                f"{words.money(after)}; take graduated tiers, or tiers whose prices meet"
            )
            yield Finding(Level.WARNING, "total-falls", text, quantity=metered(looked.price, bound))


def _unreachable(looked: _Looked) -> Iterator[Finding]:
    step, included = looked.step, looked.included
    if step is None or not any(True for _ in _tiers_of(looked.price)):
        return
    for lower, upper in pairwise((ZERO, *looked.price.model.bounds)):
        if (upper + included) // step == (lower + included) // step:
            words = looked.priced_words
            text = (
                f"no quantity ends in the tier above {words.units(lower)} up to {words.units(upper)}: quantities come "
                f"in steps of {words.units(step)}; leave the tier out, or move its bound"
            )
            yield Finding(Level.WARNING, "tier-unreachable", text, quantity=upper)


def _same_as_next(looked: _Looked) -> Iterator[Finding]:
    for records in _tiers_of(looked.price):
        for lower, upper in pairwise(records):
            adds_up = looked.price.model.KIND.startswith("graduated") and upper.get("flat")
            if _without_bound(lower) == _without_bound(upper) and not adds_up:
                end = lower["up_to"]
                text = f"the tier up to {looked.priced_words.units(end)} costs what the next one does; write one tier"
                yield Finding(Level.INFO, "tiers-alike", text, quantity=end)


def _free_beyond(looked: _Looked) -> Iterator[Finding]:
    for records in _tiers_of(looked.price):
        last, bounds = records[-1], looked.price.model.bounds
        if bounds and last.get("unit_price", last.get("rate")) == ZERO and not last.get("flat"):
            end = bounds[-1] + looked.included
            text = f"each unit beyond {looked.priced_words.units(end)} is free; write a price there, unless it is meant"
            yield Finding(Level.WARNING, "free-beyond", text, quantity=end)


def _always_minimum(looked: _Looked) -> Iterator[Finding]:
    minimum = next((each.value for each in looked.price.adjustments if isinstance(each, Minimum)), None)
    if not minimum:
        return
    before = tuple(each for each in looked.price.adjustments if each.IS_BEFORE)
    bare = replace(looked.price, adjustments=before)
    most = max(looked.cost(quantity, bare) for quantity in [*bounds_metered(bare), _VERY_MUCH])
    if most <= minimum:
        words = looked.words
        text = (
            f"the minimum of {words.money(minimum)} is all that it ever costs: usage comes to {words.money(most)} "
            "at most; write a fixed fee, or a lower minimum"
        )
        yield Finding(Level.WARNING, "minimum-always", text)


def _included_beyond_tier(looked: _Looked) -> Iterator[Finding]:
    has_tiers, included = any(True for _ in _tiers_of(looked.price)), looked.included
    if not has_tiers or not looked.price.model.bounds or included <= looked.price.model.bounds[0]:
        return
    first, words = looked.price.model.bounds[0], looked.priced_words
    text = (
        f"{words.units(included)} are included, more than the first tier holds: they are taken off first, so that tier "
        f"begins after them and ends at {words.units(included + first)}; if tiers shall count from zero, write a first "
        "tier at 0 instead of included"
    )
    yield Finding(Level.INFO, "included-beyond-tier", text, quantity=included)


def _tiers_of(price: Price) -> Iterator[list[dict[str, Decimal]]]:
    """Yield the records of each list of tiers that a model has, by the names of their fields."""
    for field in fields_of(type(price.model)):
        records = getattr(price.model, field.name) if field.record is not None else ()
        if records and hasattr(records[0], "up_to"):
            yield [{part.name: getattr(record, part.name) for part in fields_of(type(record))} for record in records]


def _without_bound(record: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: value for name, value in record.items() if name != "up_to"}


_OF_FEES: Final[tuple[_Rule, ...]] = (_nothing_costs, _fee_not_printed)
_OF_USAGE: Final[tuple[_Rule, ...]] = (
    _nothing_costs,
    _falls,
    _unreachable,
    _same_as_next,
    _free_beyond,
    _always_minimum,
    _included_beyond_tier,
)
"""Each looks for one thing. Gaps and overlaps need no rule: a tier has only an upper bound."""
