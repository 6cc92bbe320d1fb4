"""Usage and charges: messages to domain values and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import zstandard
from google.protobuf.message import DecodeError

from chassis.errors import Diverged, Reason, invalid_field
from eventlog.wire import as_of_from_proto, as_of_to_proto, instant_from_proto, period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import usage_pb2
from metering.rating.v1 import charge_pb2, rating_service_pb2
from money import DERIVED, format_decimal, parse_decimal
from rating.domain.charge import ChargeKind, MeterUsage, Usage, charge_id
from rating.wire.catalog import contract_to_proto, customer_to_proto

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from eventlog.feed.cursor import Segment
    from rating.domain.catalog import Contract, Customer, Version
    from rating.domain.charge import Charge, RatedPeriod
    from rating.domain.tariff import TierRow

# Largest unpacked payload; a frame that does not say its size needs a limit, and no flush names that many customers.
_CHANGES_BYTES_MAX: Final = 256 * 1024 * 1024
_GRACE_MAX: Final = timedelta(days=366)
_KINDS: Final = {
    ChargeKind.USAGE: charge_pb2.CHARGE_KIND_USAGE,
    ChargeKind.FIXED: charge_pb2.CHARGE_KIND_FIXED,
}


# --- from the aggregator ---------------------------------------------------------------------------------------------


def usage_from_totals(response: aggregator_pb.QueryTotalsResponse) -> Usage:
    """Read usage as it is now."""
    return Usage(_meters(response.usage), as_of_from_proto(response.as_of))


def usage_from_snapshot(snapshot: usage_pb2.UsageSnapshot) -> Usage:
    """Read frozen usage."""
    return Usage(
        meters=_meters(snapshot.usage),
        as_of=as_of_from_proto(snapshot.as_of),
        snapshot_id=snapshot.id,
        amends_snapshot_id=snapshot.amends_snapshot_id,
        traceparent=snapshot.traceparent,
    )


def _meters(usage: Iterable[usage_pb2.MeterUsage]) -> dict[str, MeterUsage]:
    return {
        entry.meter: MeterUsage(parse_decimal(entry.quantity or "0", DERIVED), entry.unit, entry.event_count)
        for entry in usage
    }


@dataclass(frozen=True, slots=True)
class Change:
    """Usage of a customer changed somewhere in [start, end)."""

    customer: str
    start: datetime
    end: datetime


def changes_from_segment(segment: Segment) -> list[Change]:
    """Read a segment of the change feed. Raises Diverged FEED_CORRUPT for what the aggregator can't have written."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(segment.payload, max_output_size=_CHANGES_BYTES_MAX)
        return [
            Change(
                change.customer,
                instant_from_proto(change.period.start),
                instant_from_proto(change.period.end),
            )
            for change in usage_pb2.UsageChanges.FromString(raw).changes
        ]
    except (zstandard.ZstdError, DecodeError, ValueError, OverflowError) as error:
        name = f"segment {segment.first_position}+{segment.count} of lane {segment.lane} in log {segment.epoch}"
        message = f"{name} can't be read: {error}; stop and compare both databases, never skip"
        raise Diverged(Reason.FEED_CORRUPT, message) from error


# --- to our callers --------------------------------------------------------------------------------------------------


def grace_from_proto(request: rating_service_pb2.RateUsageRequest) -> timedelta:
    """Read the grace time; absent: none. Raises InvalidRequest."""
    grace = request.grace
    # Seconds are compared before the conversion, which overflows far outside.
    if abs(grace.seconds) <= _GRACE_MAX.total_seconds() and timedelta(0) <= grace.ToTimedelta() <= _GRACE_MAX:
        return grace.ToTimedelta()
    raise invalid_field("grace", Reason.FIELD_INVALID, f"must be between 0 and {_GRACE_MAX.days} days")


def charge_to_proto(tenant: str, charge: Charge, rated: RatedPeriod) -> charge_pb2.Charge:
    """Render a charge; a live one has no id, for the next look may give another amount."""
    identity = ""
    if rated.snapshot_id:
        identity = charge_id(tenant, rated.contract, rated.period.label, rated.snapshot_id, charge.item)
    derivation = charge.derivation
    steps = [
        charge_pb2.DerivationStep(name=step.name.value, text=step.text, value=format_decimal(step.value))
        for step in derivation.steps
    ]
    return charge_pb2.Charge(
        id=identity,
        contract=rated.contract,
        customer=rated.customer,
        item=charge.item,
        kind=_KINDS[charge.kind],
        meter=charge.meter,
        unit=charge.unit,
        plan=rated.plan,
        plan_version=rated.plan_version,
        currency=rated.currency,
        period=period_to_proto(rated.period),
        billing_period=rated.period.label,
        quantity=format_decimal(charge.quantity),
        exact_amount=format_decimal(derivation.amount),
        tiers=[_tier_to_proto(row) for row in derivation.rows],
        steps=steps,
        snapshot_id=rated.snapshot_id,
        event_count=charge.event_count,
        as_of=as_of_to_proto(rated.as_of),
        traceparent=rated.traceparent,
    )


def live_response_to_proto(
    tenant: str, rated: RatedPeriod, contract: Version[Contract], customer: Version[Customer]
) -> rating_service_pb2.ListChargesResponse:
    """Render live charges."""
    return rating_service_pb2.ListChargesResponse(
        charges=[charge_to_proto(tenant, charge, rated) for charge in rated.charges],
        period=period_to_proto(rated.period),
        billing_period=rated.period.label,
        as_of=as_of_to_proto(rated.as_of),
        contract=contract_to_proto(contract),
        customer=customer_to_proto(customer),
    )


def rated_response_to_proto(
    tenant: str, rated: RatedPeriod, contract: Version[Contract], customer: Version[Customer]
) -> rating_service_pb2.RateUsageResponse:
    """Render frozen charges."""
    return rating_service_pb2.RateUsageResponse(
        charges=[charge_to_proto(tenant, charge, rated) for charge in rated.charges],
        snapshot_id=rated.snapshot_id,
        period=period_to_proto(rated.period),
        as_of=as_of_to_proto(rated.as_of),
        contract=contract_to_proto(contract),
        customer=customer_to_proto(customer),
    )


def _tier_to_proto(row: TierRow) -> charge_pb2.ChargeTier:
    return charge_pb2.ChargeTier(
        up_to="" if row.up_to is None else format_decimal(row.up_to),
        quantity=format_decimal(row.quantity),
        unit=format_decimal(row.unit),
        flat=format_decimal(row.flat) if row.flat else "",
        amount=format_decimal(row.amount),
    )
