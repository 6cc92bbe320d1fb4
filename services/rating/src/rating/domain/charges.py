"""Charges: every item of a plan at the usage of one period."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from eventlog.as_of import AsOf
from money import ZERO, Exact, currency, exact_arithmetic, format_decimal, format_exact, round_to_minor_unit
from rating.domain.commitments import CommitmentBasis, charged
from rating.domain.discounts import left_after, reductions
from rating.domain.plan_bounds import bound_amounts, rest_of
from rating.domain.pricing.rows import Words
from rating.domain.proration import WHOLE, DayShare, Proration, prorated
from rating.domain.rate import rate
from rating.domain.reads import Read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from eventlog.period import Period
    from rating.domain.billing_period import BillingPeriod
    from rating.domain.cell_questions import Questions
    from rating.domain.cells import Cells
    from rating.domain.commitments import DueCommitment
    from rating.domain.discounts import Discount
    from rating.domain.overrides import Override
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.rows import Derivation
    from rating.domain.reads import Reads
    from rating.domain.versions import Version


ONE = Decimal(1)


class _Groupable(Protocol):
    """A meter, as far as it matters whether its groups add up to the whole."""

    @property
    def adds_up(self) -> bool: ...


class ChargeKind(StrEnum):
    """What a charge is for."""

    USAGE = "USAGE"
    FIXED = "FIXED"
    DISCOUNT = "DISCOUNT"
    BOUND = "BOUND"
    """What the maximum of a plan takes off its items, or its minimum adds to them."""
    COMMITMENT = "COMMITMENT"
    """What lacks of a commitment of the contract, or what goes beyond it costs more."""


class MissingMeterError(LookupError):
    """A plan prices a meter that the aggregator does not have: its usage is unknown, which is not zero."""

    def __init__(self, item: str, meter: str) -> None:
        super().__init__(f"item {item!r} prices the meter {meter!r}, which does not exist; apply the meter first")
        self.meter = meter


class NotByGroupError(LookupError):
    """A plan prices a meter by values of properties, and its groups say nothing of the whole."""

    def __init__(self, item: str, meter: str) -> None:
        super().__init__(
            f"item {item!r} prices the meter {meter!r} by values of properties, which only meters that sum or count "
            "have; price such a meter, or the whole of this one"
        )


class NotToldApartError(NotByGroupError):
    """A plan prices a meter by values of properties, and the meter has more groups than it tells apart."""

    def __init__(self, item: str, meter: str) -> None:
        LookupError.__init__(
            self,
            f"item {item!r} prices the meter {meter!r} by values of properties, and some of this usage is in groups "
            "that the meter does not tell apart, since it has too many; have the operator raise METER_GROUPS_MAX and "
            "rebuild the meter, or let it group by fewer properties",
        )


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """The total of one meter over a period; `adds_up`: whether the totals of its parts add up to it.

    `goes_on`: whether it may change without any event, until the period ends: a session that is open grows.
    """

    quantity: Decimal
    unit: str
    event_count: int
    adds_up: bool = False
    goes_on: bool = False
    rounded: Decimal | None = None
    """What is billed of it, where the meter rounds each event by itself; None: the quantity."""
    cells: Cells | None = None
    """The same by values of properties, where a price goes by them."""


@dataclass(frozen=True, slots=True)
class AskedQuantity:
    """Which quantity is asked for: of one customer and meter, over a period."""

    customer: str
    meter: str
    period: Period


@dataclass(frozen=True, slots=True)
class AskedTotals:
    """Whose usage of all meters in a period is asked for, and how some of it is told apart."""

    customer: str
    period: BillingPeriod
    questions: Questions


@dataclass(frozen=True, slots=True)
class CurrentQuantity:
    """The quantity of one meter over a period, counted in full up to `staleness_s` seconds ago.

    `adds_up`: whether the quantities of its parts add up to it; None where the aggregator does not say.
    """

    quantity: Decimal
    unit: str
    as_of: AsOf
    staleness_s: float
    adds_up: bool | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """An exact, unrounded amount for one plan item and period. `quantity` is before included units; 1 for a fee.

    A discount and a bound of the plan are charges, too: of quantity 1, and below zero where they take something off.
    """

    item: str
    kind: ChargeKind
    meter: str
    unit: str
    quantity: Decimal
    event_count: int
    derivation: Derivation
    rounded: Decimal | None = None
    """What was priced of the quantity, where the meter rounds each event by itself."""
    share: DayShare | None = None
    """What share of its days is charged of a fee that goes by days; None: it does not."""
    cells: Cells | None = None
    """What was priced by values of properties; None: the price does not go by them."""
    reads: Reads = ()
    """What a price formula read of each of its meters, the own one first; none of other prices."""
    basis: CommitmentBasis | None = None
    """What a charge of a commitment follows from beside the charges of its own period; None for all others."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals of all meters of one customer and period. `snapshot_id` is empty for usage as it is now."""

    meters: Mapping[str, MeterUsage]
    as_of: AsOf
    snapshot_id: str = ""
    amends_snapshot_id: str = ""
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a period of a contract is rated: decided once, before any usage is looked at.

    `billed` says how it was billed before, if the caller knows: where nothing is rated yet, a restore has lost it.
    `share` is that of its days which the contract has. `discounts` are in the order in which they are taken.
    `plan` has the prices that `overrides` give the contract.
    """

    contract: str
    customer: str
    period: BillingPeriod
    time_zone: str
    plan: Version[Plan]
    billed: Billed | None = None
    share: DayShare = WHOLE
    discounts: tuple[Discount, ...] = ()
    overrides: tuple[Override, ...] = ()
    commitments: tuple[DueCommitment, ...] = ()
    pending: tuple[Terms, ...] = ()
    """Earlier periods that count towards the commitments, and are not among them yet."""


@dataclass(frozen=True, slots=True)
class RatedPeriod:
    """The charges of one contract and period. Frozen if it has a `snapshot_id`, else as usage is now.

    `traceparent` names the span that rated it.
    """

    contract: str
    customer: str
    period: BillingPeriod
    plan: str
    plan_version: int
    currency: str
    charges: tuple[Charge, ...]
    as_of: AsOf
    snapshot_id: str = ""
    amends_snapshot_id: str = ""
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Billed:
    """How a snapshot was billed: what it must cost if its charges were lost and are rated again.

    `items` has quantity and exact amount of each plan item. `plan` is empty if the plan had no items.
    """

    snapshot_id: str
    plan: str
    plan_version: int
    items: Mapping[str, tuple[Decimal, Exact]]

    def difference(self, rated: RatedPeriod) -> str:
        """Say in words where charges are not what was billed; empty if they are."""
        now = {charge.item: (charge.quantity, charge.derivation.amount) for charge in rated.charges}
        for item in sorted(now.keys() | self.items.keys()):
            if now.get(item) != self.items.get(item):
                return f"{item!r} would be {_said(now.get(item))}, but {_said(self.items.get(item))} was billed"
        return ""


def _said(of_item: tuple[Decimal, Exact] | None) -> str:
    return "nothing" if of_item is None else f"{format_exact(of_item[1])} for {format_decimal(of_item[0])}"


def goes_on(terms: Terms, usage: Usage) -> bool:
    """Whether what the period costs may change without any event, until it ends."""
    found = (usage.meters.get(meter) for item in terms.plan.content.items for meter in item.meters)
    return any(used is not None and used.goes_on for used in found)


def rate_period(terms: Terms, usage: Usage, traceparent: str = "") -> RatedPeriod:
    """Price the usage of a period by its terms. Raises `MissingMeterError`."""
    plan = terms.plan.content
    charges = with_discounts(rate_plan(plan, usage.meters, terms.share), terms.discounts, plan)
    return RatedPeriod(
        contract=terms.contract,
        customer=terms.customer,
        period=terms.period,
        plan=terms.plan.name,
        plan_version=terms.plan.version,
        currency=plan.currency,
        charges=with_commitments(charges, terms),
        as_of=usage.as_of,
        snapshot_id=usage.snapshot_id,
        amends_snapshot_id=usage.amends_snapshot_id,
        traceparent=traceparent,
    )


def rate_plan(plan: Plan, usage: Mapping[str, MeterUsage], share: DayShare = WHOLE) -> tuple[Charge, ...]:
    """Price every item of a plan, in its order, for a share of the days of a period, and then its bounds.

    Raises `MissingMeterError`.
    """
    charges = tuple(_charge(item, usage, plan.currency, share) for item in plan.items)
    return (*charges, *_bounds(plan, charges, share))


def with_discounts(charges: Sequence[Charge], discounts: Sequence[Discount], plan: Plan) -> tuple[Charge, ...]:
    """Return charges of a plan, and after them one for each discount, also where it takes nothing."""
    if not discounts:
        return tuple(charges)
    unit = currency(plan.currency)
    taken = reductions(discounts, rest_of(plan.bounds, printed_by_item(charges, plan.currency), unit), unit)
    return (*charges, *(Charge(one.line, ChargeKind.DISCOUNT, "", "", ONE, 0, one.derivation) for one in taken))


def printed_by_item(charges: Iterable[Charge], currency_code: str) -> dict[str, Decimal]:
    """Return what is printed of charges, by their names."""
    unit = currency(currency_code)
    return {charge.item: round_to_minor_unit(charge.derivation.amount, unit) for charge in charges}


def with_commitments(charges: Sequence[Charge], terms: Terms) -> tuple[Charge, ...]:
    """Return charges of a period with its discounts, and after them one for each commitment of its terms."""
    plan = terms.plan.content
    found = ((due, net_of(charges, due.promise.commitment.items, terms.discounts, plan)) for due in terms.commitments)
    return (*charges, *(_commitment(due, net, plan.currency) for due, net in found))


def without_commitments(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return charges but for those of commitments, which follow from other periods, too."""
    return tuple(charge for charge in charges if charge.kind is not ChargeKind.COMMITMENT)


def net_of(charges: Iterable[Charge], items: Sequence[str], discounts: Sequence[Discount], plan: Plan) -> Decimal:
    """Return what items (none named: all charges) come to in print, after bounds and discounts."""
    own = without_discounts(without_commitments(charges))
    return net_of_printed(printed_by_item(own, plan.currency), items, discounts, plan)


def net_of_printed(
    printed: Mapping[str, Decimal], items: Sequence[str], discounts: Sequence[Discount], plan: Plan
) -> Decimal:
    """Return the same of the printed amounts of items and bounds."""
    unit = currency(plan.currency)
    left = left_after(discounts, rest_of(plan.bounds, printed, unit), unit)
    with exact_arithmetic():
        return sum((amount for name, amount in left.items() if not items or name in items), ZERO)


def without_discounts(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return the charges of items and bounds alone."""
    return tuple(charge for charge in charges if charge.kind is not ChargeKind.DISCOUNT)


def is_discounted_by(rated: RatedPeriod, discounts: Sequence[Discount], plan: Plan) -> bool:
    """Whether just these discounts, and what they take, are among charges of a plan."""
    own = without_discounts(rated.charges)
    if not discounts:
        return len(own) == len(rated.charges)
    again = with_discounts(own, discounts, plan)
    return [_figures(charge) for charge in rated.charges] == [_figures(charge) for charge in again]


def is_committed_by(rated: RatedPeriod, terms: Terms) -> bool:
    """Whether just the commitments of terms, and what they come to, are among charges."""
    again = with_commitments(without_commitments(rated.charges), terms)
    return [_figures(charge) for charge in rated.charges] == [_figures(charge) for charge in again]


def is_due(charge: Charge, due: DueCommitment, rated: RatedPeriod, discounts: Sequence[Discount], plan: Plan) -> bool:
    """Whether a charge among others is what a commitment comes to beside them."""
    net = net_of(rated.charges, due.promise.commitment.items, discounts, plan)
    return _figures(charge) == _figures(_commitment(due, net, plan.currency))


def is_bounded_by(rated: RatedPeriod, plan: Plan, share: DayShare | None = None) -> bool:
    """Whether just the bounds of a plan, and what they change, are among charges.

    `share` is that of the days of the period; None: as the charges say.
    """
    own = [charge for charge in rated.charges if charge.kind in {ChargeKind.USAGE, ChargeKind.FIXED}]
    there = [charge for charge in rated.charges if charge.kind is ChargeKind.BOUND]
    days = share or next((charge.share for charge in there if charge.share is not None), WHOLE)
    return [_figures(charge) for charge in there] == [_figures(charge) for charge in _bounds(plan, own, days)]


def is_rated_by(rated: RatedPeriod, terms: Terms) -> bool:
    """Whether charges are of the plan, the period, the days, the bounds, the discounts and the commitments of terms."""
    if (rated.plan, rated.plan_version, rated.period) != (terms.plan.name, terms.plan.version, terms.period):
        return False
    plan = terms.plan.content
    whole, rated = rated, replace(rated, charges=without_commitments(rated.charges))
    if not is_committed_by(whole, terms):
        return False
    if not is_bounded_by(rated, plan, terms.share) or not is_discounted_by(rated, terms.discounts, plan):
        return False
    told = {charge.item: charge.share for charge in rated.charges if charge.kind is ChargeKind.FIXED}
    fees = tuple(item for item in plan.items if item.price.is_fixed)
    again = (_charge(item, {}, rated.currency, terms.share) for item in fees)
    return told == {charge.item: charge.share for charge in again}


def check_meters(items: Iterable[PlanItem], meters: Mapping[str, _Groupable]) -> None:
    """Raise `MissingMeterError` if one of the items prices a meter that there is not, `NotByGroupError`."""
    for item in items:
        for meter in item.meters:
            if meter not in meters:
                raise MissingMeterError(item.name, meter)
        if item.price.by and not meters[item.meter].adds_up:
            raise NotByGroupError(item.name, item.meter)


def usage_of_charge(charge: Charge) -> MeterUsage:
    """Return the usage that a charge is of; by values of properties where its price goes by them."""
    return MeterUsage(
        charge.quantity,
        charge.unit,
        charge.event_count,
        adds_up=charge.cells is not None,
        rounded=charge.rounded,
        cells=charge.cells,
    )


def usage_of_reads(charge: Charge) -> dict[str, MeterUsage]:
    """Return the usage of each meter that a charge is of: several only where its price is a formula."""
    if not charge.reads:
        return {charge.meter: usage_of_charge(charge)} if charge.meter else {}
    return {
        read.meter: MeterUsage(read.quantity, read.unit, read.event_count, rounded=read.rounded)
        for read in charge.reads
    }


def check_told_apart(items: Iterable[PlanItem], cells_of: Mapping[str, Cells | None]) -> None:
    """Raise `NotToldApartError` where one of the items prices by values and usage of its meter has unknown ones."""
    for item in items:
        cells = cells_of.get(item.meter) if item.price.by else None
        if cells is not None and not cells.are_told_apart:
            raise NotToldApartError(item.name, item.meter)


def is_sound(charge: Charge, item: PlanItem, currency: str) -> bool:
    """Whether a frozen charge is what its quantity costs by its item's price; the words of its steps may differ."""
    used = MeterUsage(
        charge.quantity, charge.unit, charge.event_count, adds_up=True, rounded=charge.rounded, cells=charge.cells
    )
    billed = charge.quantity if charge.rounded is None else charge.rounded
    if item.price.by and (
        charge.cells is None or (charge.cells.quantity, charge.cells.billed) != (charge.quantity, billed)
    ):
        return False
    reads = usage_of_reads(charge) if charge.reads else {item.meter: used}
    if not reads.keys() >= set(item.meters):
        return False
    again = _charge(item, reads, currency, charge.share or WHOLE)
    return _figures(charge) == _figures(again)


def _figures(charge: Charge) -> tuple[object, ...]:
    amount, rows = charge.derivation.amount, charge.derivation.rows
    counted = (charge.quantity, charge.event_count, charge.reads)
    return (charge.item, charge.kind, charge.meter, counted, amount, rows, charge.share, charge.basis)


def charge_id(tenant: str, contract: str, billing_period: str, snapshot_id: str, item: str) -> str:
    """Return the id of a frozen charge: the same for the same item of the same snapshot, whoever asks and how often."""
    parts = (tenant, contract, billing_period, snapshot_id, item)
    # Length-prefixed, so that no two different lists of parts give the same bytes.
    encoded = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return "chg_" + hashlib.sha256(encoded).hexdigest()[:40]


def _commitment(due: DueCommitment, net: Decimal, currency_code: str) -> Charge:
    derivation = charged(due, net, currency(currency_code))
    line = due.promise.commitment.line
    return Charge(line, ChargeKind.COMMITMENT, "", "", ONE, 0, derivation, basis=due.basis)


def _bounds(plan: Plan, charges: Iterable[Charge], share: DayShare) -> tuple[Charge, ...]:
    """Return one charge for each bound of a plan, also where it changes nothing."""
    if not plan.bounds:
        return ()
    found = bound_amounts(plan.bounds, printed_by_item(charges, plan.currency), currency(plan.currency), share)
    return tuple(Charge(one.line, ChargeKind.BOUND, "", "", ONE, 0, one.derivation, share=one.share) for one in found)


def _charge(item: PlanItem, usage: Mapping[str, MeterUsage], currency: str, share: DayShare) -> Charge:
    if item.price.is_fixed:
        derivation = rate(ONE, item.price, currency=currency)
        if share.is_whole or (item.proration is Proration.NONE and share.days):
            return Charge(item.name, ChargeKind.FIXED, "", "", ONE, 0, derivation)
        derivation = prorated(derivation, share, Words("", currency))
        return Charge(item.name, ChargeKind.FIXED, "", "", ONE, 0, derivation, share=share)
    used = usage.get(item.meter)
    if used is None:
        raise MissingMeterError(item.name, item.meter)
    cells, reads = _cells(item, used), _reads(item, usage)
    derivation = rate(
        used.quantity,
        item.price,
        unit=used.unit,
        currency=currency,
        rounded=used.rounded,
        cells=cells,
        reads=reads,
    )
    return Charge(
        item.name,
        ChargeKind.USAGE,
        item.meter,
        used.unit,
        used.quantity,
        used.event_count,
        derivation,
        used.rounded,
        cells=cells,
        reads=reads,
    )


def _reads(item: PlanItem, usage: Mapping[str, MeterUsage]) -> Reads:
    """Return what the formula of an item reads. Raises `MissingMeterError`."""
    found = []
    for component in () if item.price.formula is None else item.price.formula.components:
        used = usage.get(component.meter)
        if used is None:
            raise MissingMeterError(item.name, component.meter)
        read = Read(component.name, component.meter, used.unit, used.quantity, used.event_count, used.rounded)
        found.append(read)
    return tuple(found)


def _cells(item: PlanItem, used: MeterUsage) -> Cells | None:
    """Return the usage of an item by the values that decide; None where none do."""
    if not item.price.by:
        return None
    if not used.adds_up:
        raise NotByGroupError(item.name, item.meter)
    check_told_apart([item], {item.meter: used.cells})
    billed = used.quantity if used.rounded is None else used.rounded
    if used.cells is None or (used.cells.quantity, used.cells.billed) != (used.quantity, billed):
        message = f"the groups of {item.meter} do not add up to its quantity"
        raise ValueError(message)
    return used.cells.along(item.price.by)
