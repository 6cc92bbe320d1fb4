"""Charges as messages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason, invalid_field
from chassis.rpc.pages import place_in
from eventlog.wire import as_of_to_proto, period_to_proto
from metering.rating.v1 import charge_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from money import DERIVED, InvalidDecimalError, format_decimal, format_exact, parse_decimal, parse_exact
from rating.domain.billed import Billed
from rating.domain.charges import ChargeKind
from rating.domain.contracts import AskedPeriod
from rating.domain.line_names import charge_id
from rating.domain.rated_period import settled_of
from rating.wire.contracts import contract_to_proto, ruling_to_proto
from rating.wire.customers import customer_to_proto
from rating.wire.overrides import overrides_to_proto
from rating.wire.plans import item_to_proto

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rating.domain.cells import Cells
    from rating.domain.charges import Charge, RatedPeriod
    from rating.domain.pricing.rows import Derivation, TierRow
    from rating.domain.reads import Read
    from rating.operations.charges import ChargesOfPeriod, ExplainedCharge
    from rating.operations.watching import WatchedCharges

_GRACE_MAX: Final = timedelta(days=366)
KINDS: Final = {
    ChargeKind.USAGE: charge_pb2.CHARGE_KIND_USAGE,
    ChargeKind.FIXED: charge_pb2.CHARGE_KIND_FIXED,
    ChargeKind.DISCOUNT: charge_pb2.CHARGE_KIND_DISCOUNT,
    ChargeKind.ADVANCE: charge_pb2.CHARGE_KIND_ADVANCE,
    ChargeKind.BOUND: charge_pb2.CHARGE_KIND_BOUND,
    ChargeKind.COMMITMENT: charge_pb2.CHARGE_KIND_COMMITMENT,
    ChargeKind.CREDIT: charge_pb2.CHARGE_KIND_CREDIT,
}


def grace_from_proto(request: pb.RateUsageRequest) -> timedelta:
    """Return the grace time; absent: none. Raises InvalidRequest."""
    grace = request.grace
    # Seconds are compared before the conversion, which overflows far outside.
    if abs(grace.seconds) <= _GRACE_MAX.total_seconds() and timedelta(0) <= grace.ToTimedelta() <= _GRACE_MAX:
        return grace.ToTimedelta()
    raise invalid_field("grace", Reason.FIELD_INVALID, f"must be between 0 and {_GRACE_MAX.days} days")


def billed_from_proto(billed: pb.BilledSnapshot) -> Billed:
    """Return how a snapshot was billed. Raises InvalidRequest."""
    try:
        items = {
            entry.item: (parse_decimal(entry.quantity, DERIVED), parse_exact(entry.exact_amount))
            for entry in billed.items
        }
    except InvalidDecimalError as error:
        raise invalid_field("billed.items", Reason.FIELD_INVALID, str(error)) from error
    plans = dict.fromkeys((entry.plan, entry.plan_version) for entry in billed.items if entry.plan)
    return Billed(billed.snapshot_id, billed.plan, billed.plan_version, items, tuple(plans))


def tiers_to_proto(derivation: Derivation) -> list[charge_pb2.ChargeTier]:
    """Return the rows of a price model that were used."""
    return [_tier_to_proto(row) for row in derivation.rows]


def steps_to_proto(derivation: Derivation) -> list[charge_pb2.DerivationStep]:
    """Return how an amount came about."""
    return [
        charge_pb2.DerivationStep(name=step.name.value, text=step.text, value=format_exact(step.value))
        for step in derivation.steps
    ]


def charge_to_proto(
    tenant: str, charge: Charge, rated: RatedPeriod, settled: frozenset[str] = frozenset()
) -> charge_pb2.Charge:
    """Return the message of a charge; a live one has no id, for the next look may give another amount."""
    identity = ""
    if rated.snapshot_id:
        identity = charge_id(tenant, rated.contract, rated.period.label, rated.snapshot_id, charge.item)
    derivation, (plan, plan_version) = charge.derivation, rated.plan_of(charge)
    return charge_pb2.Charge(
        id=identity,
        contract=rated.contract,
        customer=rated.customer,
        item=charge.item,
        kind=KINDS[charge.kind],
        meter=charge.meter,
        unit=charge.unit,
        plan=plan,
        plan_version=plan_version,
        currency=rated.currency,
        period=period_to_proto(rated.period if charge.part is None else charge.part.period),
        billing_period=rated.period.label,
        quantity=format_decimal(charge.quantity),
        exact_amount=format_exact(derivation.amount),
        tiers=tiers_to_proto(derivation),
        steps=steps_to_proto(derivation),
        snapshot_id=rated.snapshot_id,
        event_count=charge.event_count,
        as_of=as_of_to_proto(rated.as_of),
        traceparent=rated.traceparent,
        priced_quantity="" if derivation.priced_quantity is None else format_exact(derivation.priced_quantity),
        cells=() if charge.cells is None else cells_to_proto(charge.cells),
        plan_item=charge.plan_item if charge.kind in {ChargeKind.USAGE, ChargeKind.FIXED, ChargeKind.ADVANCE} else "",
        is_settled=charge.item in settled,
        reads=[read_to_proto(read) for read in charge.reads],
    )


def read_to_proto(read: Read) -> charge_pb2.ChargeRead:
    """Return what a price formula read of a meter."""
    return charge_pb2.ChargeRead(
        name=read.name,
        meter=read.meter,
        unit=read.unit,
        quantity=format_decimal(read.quantity),
        billable_quantity="" if read.rounded is None else format_decimal(read.rounded),
        event_count=read.event_count,
    )


def charges_to_proto(tenant: str, rated: RatedPeriod) -> list[charge_pb2.Charge]:
    """Return all charges of a period."""
    settled = settled_of(rated.charges)
    return [charge_to_proto(tenant, charge, rated, settled) for charge in rated.charges]


def cells_to_proto(cells: Cells) -> list[charge_pb2.ChargeCell]:
    """Return usage by values of properties."""
    return [
        charge_pb2.ChargeCell(
            group=group,
            quantity=format_exact(cell.quantity),
            billable_quantity="" if cell.rounded is None else format_decimal(cell.rounded),
            event_count=cell.event_count,
        )
        for group, cell in cells.groups()
    ]


def live_to_proto(tenant: str, found: ChargesOfPeriod) -> pb.ListChargesResponse:
    """Return live charges."""
    rated = found.rated
    return pb.ListChargesResponse(
        charges=charges_to_proto(tenant, rated),
        period=period_to_proto(rated.period),
        billing_period=rated.period.label,
        as_of=as_of_to_proto(rated.as_of),
        contract=contract_to_proto(found.contract),
        customer=customer_to_proto(found.customer),
        ruling=ruling_to_proto(found.ruling),
    )


def watched_to_proto(tenant: str, watched: WatchedCharges) -> pb.WatchChargesResponse:
    """Return charges that are watched."""
    return pb.WatchChargesResponse(answer=live_to_proto(tenant, watched.answer), is_unchanged=watched.is_unchanged)


def periods_from_proto(request: pb.ListChargesOfPeriodsRequest) -> list[AskedPeriod]:
    """Return the periods asked for."""
    return [AskedPeriod(one.contract, "", one.billing_period) for one in request.periods]


def periods_to_proto(tenant: str, found: Sequence[ChargesOfPeriod]) -> pb.ListChargesOfPeriodsResponse:
    """Return live charges of several periods."""
    return pb.ListChargesOfPeriodsResponse(periods=[live_to_proto(tenant, one) for one in found])


def rated_to_proto(tenant: str, found: ChargesOfPeriod) -> pb.RateUsageResponse:
    """Return frozen charges."""
    rated = found.rated
    return pb.RateUsageResponse(
        charges=charges_to_proto(tenant, rated),
        snapshot_id=rated.snapshot_id,
        period=period_to_proto(rated.period),
        as_of=as_of_to_proto(rated.as_of),
        contract=contract_to_proto(found.contract),
        customer=customer_to_proto(found.customer),
    )


def rated_period_after(token: str) -> tuple[str, str, str]:
    """Return the contract, label and snapshot after which a page of rated periods begins. Raises InvalidRequest."""
    contract, label, snapshot_id = place_in(token, [str, str, str]) or ("", "", "")
    return contract, label, snapshot_id


def rated_period_to_proto(tenant: str, rated: RatedPeriod) -> pb.RatedPeriod:
    """Return a rated period with the ids of its charges."""
    key = (tenant, rated.contract, rated.period.label, rated.snapshot_id)
    return pb.RatedPeriod(
        contract=rated.contract,
        billing_period=rated.period.label,
        customer=rated.customer,
        snapshot_id=rated.snapshot_id,
        amends_snapshot_id=rated.amends_snapshot_id,
        charge_ids=[charge_id(*key, charge.item) for charge in rated.charges],
    )


def explained_to_proto(tenant: str, explained: ExplainedCharge) -> pb.ExplainChargeResponse:
    """Return a frozen charge with what it was derived from."""
    response = pb.ExplainChargeResponse(charge=charge_to_proto(tenant, explained.charge, explained.rated))
    if explained.item is not None:
        response.item.CopyFrom(item_to_proto(explained.item))
    response.overrides.extend(overrides_to_proto(explained.overrides))
    if explained.usage is not None:
        response.snapshot.CopyFrom(explained.usage.snapshot)
        response.windows.extend(explained.usage.windows)
        response.next_page_token = explained.usage.next_page_token
        response.window_count = explained.usage.window_count
    return response


def _tier_to_proto(row: TierRow) -> charge_pb2.ChargeTier:
    return charge_pb2.ChargeTier(
        up_to="" if row.up_to is None else format_decimal(row.up_to),
        quantity=format_exact(row.quantity),
        unit_price=format_decimal(row.unit_price),
        flat=format_decimal(row.flat) if row.flat else "",
        amount=format_exact(row.amount),
        row=row.row,
    )
