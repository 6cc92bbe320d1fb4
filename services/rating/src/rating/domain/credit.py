"""Charges of credit: what lots pay of a period's other charges, one charge for each lot that the period may draw."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from money import ZERO, currency, exact_arithmetic, round_to_minor_unit
from rating.domain.advance import is_ahead
from rating.domain.charges import ONE, Charge, ChargeKind
from rating.domain.discounts import left_after
from rating.domain.draws import Days, Draw, Line, accrued, changes, cuts, derivation_of, drawn, netted
from rating.domain.fees import Billing
from rating.domain.line_names import covers
from rating.domain.plan_bounds import rest_of
from rating.domain.pricing.rows import Words
from rating.domain.rated_period import printed_by_item, without_credit, without_discounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from rating.domain.charges import RatedPeriod, Terms
    from rating.domain.draws import Drawn, Profile
    from rating.domain.wallets import Lot, OpenLot

_ONE_DAY: Final = timedelta(days=1)


def lots_that_matter(
    lots: Sequence[OpenLot], rated: RatedPeriod, zone: str, before: RatedPeriod | None
) -> list[OpenLot]:
    """Return the lots that a period may draw: those good in it with something left, when it was first rated for good.

    `before` is how it was rated for good up to now, and has them; None: it was not. Of a lot that was taken back since
    the period keeps what it drew.
    """
    if before is not None:
        kept = {charge.drawn.lot: charge.drawn.amount for charge in before.charges if charge.drawn is not None}
        return [
            one if one.lot.voided is None else replace(one, left=kept[one.lot.id]) for one in lots if one.lot.id in kept
        ]
    days = days_of(rated, zone)
    # A fee in advance accrues on the day after the period.
    last = days.last + _ONE_DAY if any(is_ahead(charge, rated.period) for charge in rated.charges) else days.last
    return [
        one
        for one in lots
        if one.left > ZERO
        and one.lot.voided is None
        and one.lot.contract in {"", rated.contract}
        and one.lot.meets(days.first, last)
        and any(covers(one.lot.items, charge.item) for charge in without_credit(rated.charges))
    ]


def needs_profile(lots: Sequence[OpenLot], rated: RatedPeriod, zone: str) -> bool:
    """Whether it matters on which days of a period its costs fall."""
    return bool(cuts((one.lot for one in lots), days_of(rated, zone)))


def with_credit(rated: RatedPeriod, terms: Terms, lots: Sequence[OpenLot], profile: Profile) -> RatedPeriod:
    """Return a rated period with what lots pay of it, a charge for each, also where it pays nothing."""
    if not lots:
        return rated
    lines, unit = lines_of(rated, terms), currency(rated.currency)
    wanted = accrued(netted(lines), days_of(rated, terms.time_zone), profile, [one.lot for one in lots], unit)
    found = drawn(lots, wanted, {line.name: line.item for line in lines})
    by_id = {one.lot.id: one.lot for one in lots}
    charges = (_charge(by_id[one.lot], one, rated.currency) for one in found)
    return replace(rated, charges=(*rated.charges, *charges))


def lines_of(rated: RatedPeriod, terms: Terms) -> list[Line]:
    """Return the lines of a period before credit: with its bounds and discounts, and then what has no discount."""
    unit, plan = currency(rated.currency), terms.closing_plan.content
    last = days_of(rated, terms.time_zone).last
    own = without_discounts(rated.charges)
    left = left_after(terms.discounts, rest_of(plan.bounds, printed_by_item(own, rated.currency), unit), unit)
    ahead = {run.item.name for run in terms.runs if run.item.billing is Billing.ADVANCE}

    def day_of(charge: Charge) -> date | None:
        if charge.kind is ChargeKind.BOUND:
            return last
        if charge.plan_item not in ahead:
            return None
        return _day(rated.period.start if charge.part is None else charge.part.period.start, terms.time_zone)

    by_name = {charge.item: charge for charge in own}
    found = [Line(name, by_name[name].plan_item, amount, day_of(by_name[name])) for name, amount in left.items()]
    # Credit is not bought with credit.
    prepaid = {due.promise.commitment.line for due in terms.commitments if due.promise.commitment.is_prepaid}
    for charge in (one for one in rated.charges if one.item not in prepaid):
        if charge.kind not in {ChargeKind.COMMITMENT, ChargeKind.ADVANCE}:
            continue
        starts = charge.part.period.start if charge.part is not None and is_ahead(charge, rated.period) else None
        day = last if starts is None else _day(starts, terms.time_zone)
        found.append(Line(charge.item, charge.plan_item, round_to_minor_unit(charge.derivation.amount, unit), day))
    return found


def days_of(rated: RatedPeriod, zone: str) -> Days:
    """Return the days of a period."""
    return Days(_day(rated.period.start, zone), _day(rated.period.end, zone) - _ONE_DAY)


def draws_by_lot(rated: RatedPeriod | None) -> dict[str, tuple[Draw, ...]]:
    """Return what each lot pays of a rated period; None: nothing."""
    charges = () if rated is None else rated.charges
    return {charge.drawn.lot: charge.drawn.draws for charge in charges if charge.drawn is not None}


def changes_by_lot(before: RatedPeriod | None, after: RatedPeriod) -> dict[str, list[Draw]]:
    """Return by what the draws of a rating differ from those of the one that it amends."""
    old, new = draws_by_lot(before), draws_by_lot(after)
    return {lot: changes(old.get(lot, ()), new.get(lot, ())) for lot in {**old, **new}}


def is_paid_by(rated: RatedPeriod, charge: Charge, lot: Lot) -> bool:
    """Whether a charge of credit says what its draws come to: of lines that there are, and no more than was left."""
    of = charge.drawn
    if of is None or of.lot != lot.id or of.amount > of.left:
        return False
    printed = printed_by_item(without_credit(rated.charges), rated.currency)
    paid = _paid_of_lines(one.drawn for one in rated.charges if one.drawn is not None)
    if any(line not in printed or amount > max(printed[line], ZERO) for line, amount in paid.items()):
        return False
    again = _charge(lot, of, rated.currency)
    return (charge.item, charge.derivation.amount) == (again.item, again.derivation.amount)


def _paid_of_lines(all_drawn: Iterable[Drawn]) -> Mapping[str, Decimal]:
    found: dict[str, Decimal] = {}
    with exact_arithmetic():
        for draw in (draw for of in all_drawn for draw in of.draws):
            found[draw.line] = found.get(draw.line, ZERO) + draw.amount
    return found


def _charge(lot: Lot, of: Drawn, currency_code: str) -> Charge:
    derivation = derivation_of(lot, of, Words("", currency_code))
    return Charge(lot.line, ChargeKind.CREDIT, "", "", ONE, 0, derivation, drawn=of)


def _day(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()
