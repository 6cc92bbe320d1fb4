"""From exact charges to the lines of an invoice: the one place where money is rounded.

Order (published in docs/money.md): exact charge -> one rounding per line, half away from zero, in the currency's minor
unit -> total = sum of what is printed. An adjustment is the rounded amount of the whole period as it is now less
everything billed for it before, so that all lines of a period always sum to the rounded charge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from chassis.errors import Internal, Reason
from eventlog.as_of import AsOf
from eventlog.period import Period
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.document import MONEY, Invoice, InvoiceKind, InvoiceLine, LineKind
from invoicing.domain.lines import BilledPeriod, LineRecord, record_of
from invoicing.domain.numbering import DRAFT, line_id
from money import ZERO, currency, exact_arithmetic, format_decimal, format_exact, round_to_minor_unit


@dataclass(frozen=True, slots=True)
class ComposedLine:
    """A line before it is issued, with the span that rated it.

    `revision` is that of its service period: 1 on the period's own invoice, more for an adjustment.
    """

    line: InvoiceLine
    charge_traceparent: str
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Composition:
    """All that is decided about an invoice before it has a number: whom and what it is for, and its lines."""

    rated: Rated
    seller: str
    lines: tuple[ComposedLine, ...]
    kind: InvoiceKind = InvoiceKind.PERIOD

    def content(self, lines: Sequence[InvoiceLine], finalized_at: datetime | None) -> Invoice:
        """Return the invoice with its lines as they were issued; its place in a series comes last."""
        rated = self.rated
        return Invoice(
            number="",
            seller=self.seller,
            customer=rated.customer,
            customer_name=rated.customer_name,
            contract=rated.contract,
            currency=rated.currency,
            billing_period=rated.billing_period,
            period=rated.period,
            time_zone=rated.time_zone,
            lines=tuple(lines),
            total=_total(lines, rated.currency),
            as_of=rated.as_of,
            finalized_at=finalized_at,
            previous_chain=b"",
            kind=self.kind,
        )

    def draft(self) -> Invoice:
        """Return the invoice as a draft."""
        lines = [replace(part.line, id=line_id(DRAFT, n)) for n, part in enumerate(self.lines, start=1)]
        return self.content(lines, finalized_at=None)


def compose(rated: Rated, adjustments: Sequence[ComposedLine], seller: str) -> Composition:
    """Make the invoice of one period: the plan's items in order, then adjustments of earlier periods."""
    own = (ComposedLine(_line(charge, rated), charge.traceparent) for charge in rated.charges)
    return Composition(rated, seller, (*own, *adjustments))


@dataclass(frozen=True, slots=True)
class Pending:
    """What an invoiced period costs now less what was billed: one line for each item that changed."""

    contract: str
    billing_period: str
    currency: str
    lines: tuple[InvoiceLine, ...]
    amount: Decimal = field(metadata=MONEY)


def pending(billed: BilledPeriod, now: Rated) -> Pending | None:
    """Return what an invoice would adjust of a billed period now, or None if nothing.

    Finalizing rates the period by the prices it was billed by; live charges follow the contract as it is now. Where the
    two differ, an adjustment can't be foreseen, and none is shown.
    """
    lines = tuple(part.line for part in adjust(billed, now, now)) if same_prices(billed, now) else ()
    if not lines:
        return None
    return Pending(billed.contract, billed.billing_period, now.currency, lines, _total(lines, now.currency))


def compose_closing(
    amendments: Sequence[Amendment], billing_period: str, seller: str
) -> tuple[Composition, tuple[BilledPeriod, ...]]:
    """Make the closing invoice of a run: adjustments alone; also return the snapshots that it bills."""
    head = _closing_head([now for amendment in amendments for now in amendment.ratings], billing_period)
    lines, snapshots = bill(amendments, head)
    return Composition(head, seller, lines, InvoiceKind.CLOSING), snapshots


def _closing_head(ratings: Sequence[Rated], billing_period: str) -> Rated:
    """Say whom and what a closing invoice is for: no contract, but all the time that it adjusts."""
    last = max(ratings, key=lambda rated: (rated.period.end, rated.contract))
    period = Period(min(rated.period.start for rated in ratings), last.period.end)
    reached = _reached_by_all([rated.as_of for rated in ratings])
    return replace(
        last, contract="", billing_period=billing_period, period=period, snapshot_id="", as_of=reached, charges=()
    )


def _reached_by_all(reaches: Sequence[AsOf]) -> AsOf:
    """Return the part of the newest log that all of them cover."""
    epoch = reaches[-1].epoch
    same = [reach.positions for reach in reaches if reach.epoch == epoch]
    lanes = {lane for positions in same for lane in positions}
    return AsOf(epoch, {lane: min(positions.get(lane, 0) for positions in same) for lane in lanes})


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an invoiced period was rated to since it was billed: one rating for each snapshot, in their order."""

    billed: BilledPeriod
    ratings: tuple[Rated, ...]


def bill(amendments: Sequence[Amendment], invoice: Rated) -> tuple[tuple[ComposedLine, ...], tuple[BilledPeriod, ...]]:
    """Return the adjustment lines of some periods for an invoice, and each snapshot that it bills by them."""
    lines: list[ComposedLine] = []
    snapshots: list[BilledPeriod] = []
    for amendment in amendments:
        billed = amendment.billed
        for now in amendment.ratings:
            added = adjust(billed, now, invoice)
            billed = billed.followed_by(now.snapshot_id, (record_of(part.line, billed.contract) for part in added))
            lines += added
            snapshots.append(billed)
    return tuple(lines), tuple(snapshots)


def same_prices(billed: BilledPeriod, now: Rated) -> bool:
    """Whether the charges are of just the items, plans and plan versions by which the period was billed."""
    before = {
        line.item: (line.plan, line.plan_version) for line in billed.lines if line.kind is not LineKind.ADJUSTMENT
    }
    return before == {charge.item: (charge.plan, charge.plan_version) for charge in now.charges}


def adjust(billed: BilledPeriod, now: Rated, invoice: Rated) -> tuple[ComposedLine, ...]:
    """Return the adjustment lines of a billed period for an invoice in the same currency: one per item that changed.

    An item whose quantity or events changed without changing the amount (inside its included units, say) still has a
    line of 0: the late events are then visible on an invoice. A line of another contract than that of the `invoice`
    names it. Raises Internal when rating did not keep to the period's prices: billing the difference would then mix
    two prices.
    """
    if not same_prices(billed, now) or now.currency != invoice.currency:
        message = (
            f"{billed.billing_period} of {billed.contract} was rated again by other prices than it was billed by;"
            " nothing was billed"
        )
        raise Internal(Reason.LINEAGE_MISMATCH, message)
    contract = "" if billed.contract == invoice.contract else billed.contract
    lines = (
        (charge, _adjustment(billed.lines_of(charge.item), charge, now, billed.period, contract))
        for charge in now.charges
    )
    return tuple(
        ComposedLine(line, charge.traceparent, billed.revision + 1) for charge, line in lines if line is not None
    )


def explain_amount(line: InvoiceLine, currency_code: str, before: Sequence[LineRecord]) -> list[str]:
    """Say in plain words how the amount of a line follows from its exact charge."""
    unit = currency(currency_code)
    rounded = round_to_minor_unit(line.exact_amount, unit)

    def written(value: Decimal) -> str:
        return f"{format_decimal(value, places_min=unit.minor_units)} {currency_code}"

    steps = [
        f"exact charge {format_exact(line.exact_amount)} {currency_code}",
        f"rounded once, half away from zero, to {unit.minor_units} decimal places: {written(rounded)}",
    ]
    if line.kind is LineKind.ADJUSTMENT:
        steps += [f"less billed on line {earlier.id}: {written(earlier.amount)}" for earlier in before]
        steps.append(f"difference: {written(line.amount)}")
    return steps


def _total(lines: Sequence[InvoiceLine], currency_code: str) -> Decimal:
    with exact_arithmetic():
        return sum((line.amount for line in lines), round_to_minor_unit(ZERO, currency(currency_code)))


def _line(charge: Charge, rated: Rated, **changed: Any) -> InvoiceLine:
    """Return the line of a charge, which is the charge but for what `changed` says."""
    values: dict[str, Any] = {
        "id": "",
        "kind": charge.kind,
        "item": charge.item,
        "meter": charge.meter,
        "unit": charge.unit,
        "quantity": charge.quantity,
        "amount": round_to_minor_unit(charge.exact_amount, currency(rated.currency)),
        "exact_amount": charge.exact_amount,
        "tiers": charge.tiers,
        "period": charge.period or rated.period,
        "billing_period": rated.billing_period,
        "plan": charge.plan,
        "plan_version": charge.plan_version,
        "charge_id": charge.id,
        "snapshot_id": charge.snapshot_id,
        "event_count": charge.event_count,
        "traceparent": "",
        "priced_quantity": charge.priced_quantity,
    }
    return InvoiceLine(**{**values, **changed})


def _adjustment(
    before: Sequence[LineRecord], charge: Charge, now: Rated, period: Period, contract: str
) -> InvoiceLine | None:
    with exact_arithmetic():
        quantity = charge.quantity - sum((line.quantity for line in before), ZERO)
        billed_before = sum((line.amount for line in before), ZERO)
        amount = round_to_minor_unit(charge.exact_amount, currency(now.currency)) - billed_before
    # A correction may take events away; its lineage is in the quantity then.
    late_events = max(0, charge.event_count - sum(line.event_count for line in before))
    if quantity.is_zero() and amount.is_zero() and not late_events:
        return None
    return _line(
        charge,
        now,
        kind=LineKind.ADJUSTMENT,
        quantity=quantity,
        amount=amount,
        period=charge.period or period,
        event_count=late_events,
        adjusts_line_id=before[0].id,
        billed_before=billed_before,
        contract=contract,
    )
