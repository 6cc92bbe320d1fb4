"""From exact charges to the lines of an invoice: the one place where money is rounded.

Order (design: rounding is published): exact charge -> one rounding per line, half away from zero, in the currency's
minor unit -> total = sum of what is printed. An adjustment is the rounded amount of the whole period as it is now less
everything billed for it before, so that all lines of a period always sum to the rounded charge.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from chassis.errors import Internal, NotReady, Reason
from invoicing.domain.invoice import (
    BilledLine,
    BilledPeriod,
    BillingProfile,
    Charge,
    DraftLine,
    InvoiceDraft,
    LineKind,
    Rated,
)
from money import ZERO, currency, exact_arithmetic, format_decimal, round_to_minor_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

GRACE_DEFAULT: Final = timedelta(hours=1)
GRACE_MAX: Final = timedelta(days=90)
NUMBER_PREFIX_DEFAULT: Final = "INV"


def default_profile(tenant: str) -> BillingProfile:
    """Give the billing profile that holds until one is applied."""
    return BillingProfile(version=0, seller=tenant, number_prefix=NUMBER_PREFIX_DEFAULT, grace=GRACE_DEFAULT)


def compose(rated: Rated, adjustments: Sequence[DraftLine], seller: str) -> InvoiceDraft:
    """Make the invoice of one period: the plan's items in order, then adjustments of earlier periods."""
    lines = tuple(_line(charge, rated) for charge in rated.charges) + tuple(adjustments)
    return InvoiceDraft(
        customer=rated.customer,
        customer_name=rated.customer_name,
        seller=seller,
        contract=rated.contract,
        currency=rated.currency,
        period=rated.period,
        billing_period=rated.billing_period,
        time_zone=rated.time_zone,
        lines=lines,
        total=_sum((line.amount for line in lines), rated.currency),
        as_of=rated.as_of,
    )


def same_prices(billed: BilledPeriod, now: Rated) -> bool:
    """Tell whether the charges are of just the items, plans and plan versions by which the period was billed."""
    before = {
        line.item: (line.plan, line.plan_version) for line in billed.lines if line.kind is not LineKind.ADJUSTMENT
    }
    return before == {charge.item: (charge.plan, charge.plan_version) for charge in now.charges}


def adjust(billed: BilledPeriod, now: Rated, currency_code: str) -> tuple[DraftLine, ...]:
    """Give the adjustment lines of an earlier period for an invoice in `currency_code`: one an item that changed.

    An item whose quantity or events changed without changing the amount (inside its included units, say) still has a
    line of 0: the late events are then visible on an invoice. Raises NotReady CURRENCY_MISMATCH when the invoice is in
    another currency than the period was billed in, and Internal when rating did not keep to the period's prices:
    billing the difference would then mix two prices.
    """
    if now.currency != currency_code:
        message = (
            f"usage of {billed.billing_period} changed and was billed in {now.currency}, but this invoice is in"
            f" {currency_code}; one invoice holds one currency"
        )
        raise NotReady(Reason.CURRENCY_MISMATCH, message)
    if not same_prices(billed, now):
        message = f"{billed.billing_period} was rated again by other prices than it was billed by; nothing was billed"
        raise Internal(Reason.LINEAGE_MISMATCH, message)
    lines = (_adjustment(_billed_of(billed, charge.item), charge, now, billed) for charge in now.charges)
    return tuple(line for line in lines if line is not None)


def explain_amount(
    *, kind: LineKind, amount: Decimal, exact_amount: Decimal, currency_code: str, before: tuple[BilledLine, ...]
) -> list[str]:
    """Say in plain words how the amount of a line follows from its exact charge."""
    unit = currency(currency_code)
    rounded = round_to_minor_unit(exact_amount, unit)

    def written(value: Decimal) -> str:
        return f"{format_decimal(value, places_min=unit.minor_units)} {currency_code}"

    steps = [
        f"exact charge {format_decimal(exact_amount)} {currency_code}",
        f"rounded once, half away from zero, to {unit.minor_units} decimal places: {written(rounded)}",
    ]
    if kind is LineKind.ADJUSTMENT:
        steps += [f"less billed on line {line.line_id}: {written(line.amount)}" for line in before]
        steps.append(f"difference: {written(amount)}")
    return steps


def _line(charge: Charge, rated: Rated) -> DraftLine:
    return DraftLine(
        kind=charge.kind,
        item=charge.item,
        meter=charge.meter,
        unit=charge.unit,
        quantity=charge.quantity,
        amount=round_to_minor_unit(charge.exact_amount, currency(rated.currency)),
        exact_amount=charge.exact_amount,
        tiers=charge.tiers,
        period=rated.period,
        billing_period=rated.billing_period,
        charge_id=charge.id,
        snapshot_id=charge.snapshot_id,
        plan=charge.plan,
        plan_version=charge.plan_version,
        event_count=charge.event_count,
        charge_traceparent=charge.traceparent,
    )


def _adjustment(before: tuple[BilledLine, ...], charge: Charge, now: Rated, billed: BilledPeriod) -> DraftLine | None:
    with exact_arithmetic():
        quantity = charge.quantity - sum((line.quantity for line in before), ZERO)
        amount = round_to_minor_unit(charge.exact_amount, currency(now.currency)) - sum(
            (line.amount for line in before), ZERO
        )
    # A correction may take events away; its lineage is in the quantity then.
    late_events = max(0, charge.event_count - sum(line.event_count for line in before))
    if quantity.is_zero() and amount.is_zero() and not late_events:
        return None
    return DraftLine(
        kind=LineKind.ADJUSTMENT,
        item=charge.item,
        meter=charge.meter,
        unit=charge.unit,
        quantity=quantity,
        amount=amount,
        exact_amount=charge.exact_amount,
        tiers=charge.tiers,
        period=billed.period,
        billing_period=billed.billing_period,
        charge_id=charge.id,
        snapshot_id=charge.snapshot_id,
        plan=charge.plan,
        plan_version=charge.plan_version,
        event_count=late_events,
        charge_traceparent=charge.traceparent,
        revision=billed.revision + 1,
        adjusts_line_id=before[0].line_id,
    )


def _billed_of(billed: BilledPeriod, item: str) -> tuple[BilledLine, ...]:
    return tuple(line for line in billed.lines if line.item == item)


def _sum(amounts: Iterable[Decimal], code: str) -> Decimal:
    with exact_arithmetic():
        return sum(amounts, round_to_minor_unit(ZERO, currency(code)))
