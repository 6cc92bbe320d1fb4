"""Charges: every item of a plan at the usage of one period."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from eventlog.as_of import AsOf
from eventlog.period import Period
from money import ZERO, currency, exact_arithmetic, round_to_minor_unit
from rating.domain.advance import as_ahead, settled
from rating.domain.commitments import charged
from rating.domain.discounts import left_after, reductions
from rating.domain.fees import BETWEEN, Billing, Once, Place, charged_of, falls_at, is_charged, told
from rating.domain.line_names import covers, line_name
from rating.domain.plan_bounds import bound_amounts, rest_of
from rating.domain.pricing.rows import Words
from rating.domain.proration import WHOLE, DayShare, Proration, prorated
from rating.domain.rate import rate
from rating.domain.reads import Read
from rating.domain.segments import ChargedPart, ItemRun, item_runs
from rating.domain.unpriced import (
    MissingMeterError,
    NotByGroupError,
    check_told_apart,
)
from rating.domain.zone_days import local_midnight

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from rating.domain.billed import Billed
    from rating.domain.billing_period import BillingPeriod
    from rating.domain.cell_questions import Questions
    from rating.domain.cells import Cells
    from rating.domain.commitments import CommitmentBasis, DueCommitment
    from rating.domain.discounts import Discount
    from rating.domain.overrides import Override
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.rows import Derivation
    from rating.domain.reads import Reads
    from rating.domain.ruling import RatedSegment
    from rating.domain.segments import Segment
    from rating.domain.versions import Version


ONE = Decimal(1)


class ChargeKind(StrEnum):
    """What a charge is for."""

    USAGE = "USAGE"
    FIXED = "FIXED"
    DISCOUNT = "DISCOUNT"
    ADVANCE = "ADVANCE"
    BOUND = "BOUND"
    """What the maximum of a plan takes off its items, or its minimum adds to them."""
    COMMITMENT = "COMMITMENT"
    """What lacks of a commitment of the contract, or what goes beyond it costs more."""


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
    period: Period | BillingPeriod
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
    part: ChargedPart | None = None
    """What part of the period it is of, where a plan change cut it; None: of all of it, by the period's plan."""
    basis: CommitmentBasis | None = None
    """What a charge of a commitment follows from beside the charges of its own period; None for all others."""

    @property
    def plan_item(self) -> str:
        """How its item is named in its plan; of a discount, how it is named itself."""
        return self.item if self.part is None else self.part.item


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals of all meters of one customer and period. `snapshot_id` is empty for usage as it is now."""

    meters: Mapping[str, MeterUsage]
    as_of: AsOf
    snapshot_id: str = ""
    amends_snapshot_id: str = ""
    traceparent: str = ""
    spans: Mapping[Period, Mapping[str, MeterUsage]] = field(default_factory=dict)
    """The same over parts of the period, where a plan change cut it."""

    def of(self, part: ChargedPart | None) -> Mapping[str, MeterUsage]:
        """Return the totals of a part of the period. Raises KeyError for one that was not asked for."""
        return self.meters if part is None else self.spans[part.period]


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
    segments: tuple[Segment, ...] = ()
    """Its parts, where a plan change cut it; then `plan` prices the first one."""
    place: Place = BETWEEN
    kept: frozenset[str] | None = None
    """Names of the items that the period was charged where it is rated permanently: it keeps its one-off fees."""
    advance: tuple[Charge, ...] = ()
    """What it takes off of what was billed in advance, and what it bills of the period that follows."""
    commitments: tuple[DueCommitment, ...] = ()
    pending: tuple[Terms, ...] = ()
    """Earlier periods that count towards the commitments, and are not among them yet."""

    @property
    def charged(self) -> tuple[PlanItem, ...]:
        """The items of the plan that this period has, in its order."""
        return charged_of(self.plan.content, self.place, self.kept)

    @property
    def closing_plan(self) -> Version[Plan]:
        """What prices its last part: its bounds hold for the whole period."""
        return self.segments[-1].plan if self.segments else self.plan

    def plan_at(self, instant: datetime) -> Version[Plan]:
        """Return what prices the part that holds an instant; before the period its first part, after it the last."""
        found = [segment.plan for segment in self.segments if segment.start <= instant]
        return found[-1] if found else self.plan

    @property
    def runs(self) -> tuple[ItemRun, ...]:
        """What is priced by itself."""
        if not self.segments:
            return tuple(ItemRun(item, self.share, None) for item in self.charged)
        return tuple(run for run in item_runs(self.segments) if self._has(run))

    def _has(self, run: ItemRun) -> bool:
        """Whether the period has an item: a one-off fee falls where the contract starts or ends, in no other part."""
        at_edge = (
            run.part is None
            or {
                Once.NONE: True,
                Once.START: run.part.period.start == self.period.start,
                Once.END: run.part.period.end == self.period.end,
            }[falls_at(run.item)]
        )
        return at_edge and is_charged(run.item, self.place, self.kept)

    @property
    def parts(self) -> tuple[Period, ...]:
        """The parts of the period over which usage is priced, beside the whole of it."""
        metered = (run.part for run in self.runs if run.item.meter)
        return tuple(dict.fromkeys(part.period for part in metered if part is not None))

    def items_of(self, part: Period | None) -> tuple[PlanItem, ...]:
        """Return the items that are priced over a part of the period; None: over all of it."""
        return tuple(run.item for run in self.runs if (run.part and run.part.period) == part)


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
    segments: tuple[RatedSegment, ...] = ()

    def plan_of(self, charge: Charge) -> tuple[str, int]:
        """Return the plan by which a charge came about, and its version: what is beside items is of the last part."""
        if charge.part is not None:
            return charge.part.plan, charge.part.plan_version
        if self.segments and charge.kind not in {ChargeKind.USAGE, ChargeKind.FIXED}:
            return self.segments[-1].plan, self.segments[-1].plan_version
        return self.plan, self.plan_version


def goes_on(terms: Terms, usage: Usage) -> bool:
    """Whether what the period costs may change without any event, until it ends."""
    found = (usage.meters.get(meter) for run in terms.runs for meter in run.item.meters)
    return any(used is not None and used.goes_on for used in found)


def rate_period(terms: Terms, usage: Usage, traceparent: str = "") -> RatedPeriod:
    """Price the usage of a period by its terms. Raises `MissingMeterError`."""
    plan = terms.closing_plan.content
    charges = tuple(
        charge_of_run(run, usage.of(run.part) if run.item.meter else {}, plan.currency, terms.time_zone)
        for run in terms.runs
    )
    charges += charges_of_bounds(plan, charges, terms.share)
    charges = with_discounts(charges, terms.discounts, plan)
    return RatedPeriod(
        contract=terms.contract,
        customer=terms.customer,
        period=terms.period,
        plan=terms.plan.name,
        plan_version=terms.plan.version,
        currency=plan.currency,
        charges=(*with_commitments(charges, terms), *terms.advance),
        as_of=usage.as_of,
        snapshot_id=usage.snapshot_id,
        amends_snapshot_id=usage.amends_snapshot_id,
        traceparent=traceparent,
        segments=tuple(segment.rated for segment in terms.segments),
    )


def rate_plan(
    plan: Plan,
    usage: Mapping[str, MeterUsage],
    share: DayShare = WHOLE,
    items: Sequence[PlanItem] | None = None,
) -> tuple[Charge, ...]:
    """Price every item of a plan, or those of `items`, for a share of the days of a period, and then its bounds.

    Raises `MissingMeterError`.
    """
    priced = plan.items if items is None else items
    charges = tuple(charge_of_item(item, usage, plan.currency, share) for item in priced)
    return (*charges, *charges_of_bounds(plan, charges, share))


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
    plan = terms.closing_plan.content
    found = ((due, net_of(charges, due.promise.commitment.items, terms.discounts, plan)) for due in terms.commitments)
    promised = (charge_of_commitment(due, net, plan.currency) for due, net in found)
    return (*without_advance(charges), *promised, *in_advance(charges))


def without_commitments(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return charges but for those of commitments, which follow from other periods, too."""
    return tuple(charge for charge in charges if charge.kind is not ChargeKind.COMMITMENT)


def net_of(charges: Iterable[Charge], items: Sequence[str], discounts: Sequence[Discount], plan: Plan) -> Decimal:
    """Return what items (none named: all charges) come to in print, after bounds and discounts."""
    return net_of_printed(printed_by_item(without_discounts(charges), plan.currency), items, discounts, plan)


def net_of_printed(
    printed: Mapping[str, Decimal], items: Sequence[str], discounts: Sequence[Discount], plan: Plan
) -> Decimal:
    """Return the same of the printed amounts of items and bounds."""
    unit = currency(plan.currency)
    left = left_after(discounts, rest_of(plan.bounds, printed, unit), unit)
    with exact_arithmetic():
        return sum((amount for name, amount in left.items() if covers(items, name)), ZERO)


def without_discounts(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return the charges of items and bounds alone."""
    return tuple(charge for charge in charges if charge.kind in {ChargeKind.USAGE, ChargeKind.FIXED, ChargeKind.BOUND})


def without_advance(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return what a period itself costs, whenever it is billed."""
    return tuple(charge for charge in charges if charge.kind is not ChargeKind.ADVANCE)


def in_advance(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return what a period takes off of what was billed in advance, and what it bills of the one that follows."""
    return tuple(charge for charge in charges if charge.kind is ChargeKind.ADVANCE)


def settled_of(charges: Sequence[Charge]) -> frozenset[str]:
    """Return the names of charges for which an invoice has no line: a fee billed in advance, and what takes it off."""
    return settled(in_advance(charges), (charge for charge in charges if charge.kind is ChargeKind.FIXED))


def fees_ahead(following: Terms) -> tuple[Charge, ...]:
    """Return the fees of a period that the one before it bills in advance."""
    plan, found = following.plan, []
    for run in following.runs:
        if run.item.billing is Billing.ADVANCE:
            until = run.item.interval and following.place.turn_ends(run.item.interval)
            end = local_midnight(until, ZoneInfo(following.time_zone)) if until else following.period.end
            period = Period(following.period.start, end)
            fee = charge_of_run(run, {}, plan.content.currency, following.time_zone)
            whole = ChargedPart(period, plan.name, plan.version, run.item.name)
            found.append(as_ahead(replace(fee, kind=ChargeKind.ADVANCE), whole, following.time_zone))
    return tuple(found)


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


def charge_of_commitment(due: DueCommitment, net: Decimal, currency_code: str) -> Charge:
    """Return what a commitment comes to beside charges of a period; `net` is what is covered of these."""
    derivation = charged(due, net, currency(currency_code))
    line = due.promise.commitment.line
    return Charge(line, ChargeKind.COMMITMENT, "", "", ONE, 0, derivation, basis=due.basis)


def charge_of_run(run: ItemRun, usage: Mapping[str, MeterUsage], currency: str, zone: str) -> Charge:
    """Price an item over its part of the period. Raises `MissingMeterError`, `NotByGroupError`."""
    charge = charge_of_item(run.item, usage, currency, run.share)
    if run.part is None:
        return charge
    return replace(charge, item=line_name(run.item.name, run.part.period, zone), part=run.part)


def charges_of_bounds(plan: Plan, charges: Iterable[Charge], share: DayShare) -> tuple[Charge, ...]:
    """Return what the bounds of a plan change of the charges of its items."""
    """Return one charge for each bound of a plan, also where it changes nothing."""
    if not plan.bounds:
        return ()
    found = bound_amounts(plan.bounds, printed_by_item(charges, plan.currency), currency(plan.currency), share)
    return tuple(Charge(one.line, ChargeKind.BOUND, "", "", ONE, 0, one.derivation, share=one.share) for one in found)


def charge_of_item(item: PlanItem, usage: Mapping[str, MeterUsage], currency: str, share: DayShare) -> Charge:
    """Price an item at the usage of a period. Raises `MissingMeterError`, `NotByGroupError`."""
    if item.price.is_fixed:
        derivation = rate(ONE, item.price, currency=currency)
        if falls_at(item) is not Once.NONE:
            return Charge(item.name, ChargeKind.FIXED, "", "", ONE, 0, told(derivation, item, currency))
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
