"""What a period comes to: each item of a plan at its usage, then bounds, discounts, commitments and fees ahead."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from eventlog.period import Period
from money import ZERO, currency, exact_arithmetic, round_to_minor_unit
from rating.domain.advance import as_ahead, settled
from rating.domain.charges import (
    ONE,
    Charge,
    ChargeKind,
    MeterUsage,
    RatedPeriod,
    Terms,
    Usage,
)
from rating.domain.commitments import charged
from rating.domain.discounts import left_after, reductions
from rating.domain.fees import Billing, Once, falls_at, told
from rating.domain.line_names import covers, line_name
from rating.domain.plan_bounds import bound_amounts, rest_of
from rating.domain.pricing.rows import Words
from rating.domain.proration import WHOLE, DayShare, Proration, days_of_usage, in_days, prorated
from rating.domain.rate import rate
from rating.domain.rate_seats import charge_of_seats
from rating.domain.reads import Read
from rating.domain.segments import ChargedPart, ItemRun
from rating.domain.unpriced import (
    MissingMeterError,
    NotByGroupError,
    check_told_apart,
)
from rating.domain.zone_days import local_midnight

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rating.domain.cells import Cells
    from rating.domain.commitments import DueCommitment
    from rating.domain.discounts import Discount
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.reads import Reads


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
    """Return what a period itself costs, whenever it is billed and whatever pays for it."""
    return tuple(charge for charge in charges if charge.kind not in {ChargeKind.ADVANCE, ChargeKind.CREDIT})


def without_credit(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return charges but for what credit pays of them."""
    return tuple(charge for charge in charges if charge.kind is not ChargeKind.CREDIT)


def in_advance(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return what a period takes off of what was billed in advance, and what it bills of the one that follows."""
    return tuple(charge for charge in charges if charge.kind is ChargeKind.ADVANCE)


def settled_of(charges: Sequence[Charge]) -> frozenset[str]:
    """Return the names of charges for which an invoice has no line: a fee billed in advance, and what takes it off."""
    return settled(in_advance(charges), (charge for charge in charges if charge.kind is ChargeKind.FIXED))


def own_fees(terms: Terms) -> tuple[Charge, ...]:
    """Return the fees of a period itself, as it is charged for them."""
    fees = (run for run in terms.runs if run.item.price.is_fixed)
    return tuple(charge_of_run(run, {}, terms.plan.content.currency, terms.time_zone) for run in fees)


def fees_ahead(following: Terms) -> tuple[Charge, ...]:
    """Return the fees of a period that the one before it bills in advance."""
    plan, found = following.plan, []
    for run in following.runs:
        if run.item.billing is Billing.ADVANCE:
            until = run.item.interval and following.place.turn_ends(run.item.interval)
            end = local_midnight(until, ZoneInfo(following.time_zone)) if until else following.period.end
            period = Period(following.period.start, end)
            # What changes in the period is not foreseen: its own invoice has the difference.
            opening = replace(run, share=run.share.at_opening)
            fee = charge_of_run(opening, {}, plan.content.currency, following.time_zone)
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
    """Return one charge for each bound of a plan, also where it changes nothing."""
    if not plan.bounds:
        return ()
    found = bound_amounts(plan.bounds, printed_by_item(charges, plan.currency), currency(plan.currency), share)
    return tuple(Charge(one.line, ChargeKind.BOUND, "", "", ONE, 0, one.derivation, share=one.share) for one in found)


def charge_of_item(item: PlanItem, usage: Mapping[str, MeterUsage], currency: str, share: DayShare) -> Charge:
    """Price an item at the usage of a period. Raises `MissingMeterError`, `NotByGroupError`."""
    if item.price.seats is not None:
        return charge_of_seats(item, currency, share)
    if item.price.is_fixed:
        derivation = rate(ONE, item.price, currency=currency)
        if falls_at(item) is not Once.NONE:
            return Charge(item.name, ChargeKind.FIXED, "", "", ONE, 0, told(derivation, item, currency))
        if share.is_whole or (item.proration is Proration.NONE and share.days):
            return Charge(item.name, ChargeKind.FIXED, "", "", ONE, 0, derivation)
        derivation = prorated(derivation, share, Words("", currency))
        return Charge(item.name, ChargeKind.FIXED, "", "", ONE, 0, derivation, share=share.alone)
    used = usage.get(item.meter)
    if used is None:
        raise MissingMeterError(item.name, item.meter)
    cells, reads = _cells(item, used), _reads(item, usage)
    derivation = rate(
        used.quantity,
        in_days(item, share).price,
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
        share=days_of_usage(item, share),
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
