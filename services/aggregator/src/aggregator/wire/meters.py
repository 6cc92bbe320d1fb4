"""Meters as messages."""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.domain.aggregations import BY_NAME, OF_BUCKETS
from aggregator.domain.aggregations.aggregation import Aggregation
from aggregator.domain.aggregations.rules import NO_SESSION, Rules, Session, TimeUnit
from aggregator.domain.meters import (
    BUCKET_MINUTES_DEFAULT,
    AppliedMeter,
    ApplyOutcome,
    Dimension,
    MeterSpec,
    MeterVersion,
    PropertyFilter,
    canonical,
)
from aggregator.domain.readings import Reading
from eventlog.wire import instant_in, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import values_pb2

_PREFIX = "AGGREGATION_"
_UNIT_PREFIX = "TIME_UNIT_"
_SKIP = meter_pb2.EMPTY_BUCKETS_SKIP
_PARK = meter_pb2.NEGATIVE_VALUES_PARK
_UNSPECIFIED = meter_pb2.NEGATIVE_VALUES_UNSPECIFIED


def aggregation_to_proto(aggregation: Aggregation) -> meter_pb2.Aggregation.ValueType:
    """Return the aggregation's number in the contract."""
    return meter_pb2.Aggregation.Value(f"{_PREFIX}{aggregation.NAME}")


def spec_from_proto(message: meter_pb2.MeterSpec) -> MeterSpec:
    """Return the meter asked for, with its sets in order."""
    effective_from = None
    if message.HasField("effective_from"):
        effective_from = instant_in(message.effective_from, "spec.effective_from")
    return canonical(
        MeterSpec(
            event_types=tuple(message.event_types),
            aggregation=BY_NAME[meter_pb2.Aggregation.Name(message.aggregation).removeprefix(_PREFIX)],
            value_property=message.value_property,
            filters=filters_from_proto(message.filters),
            group_by=tuple(message.group_by),
            unit=message.unit,
            bucket_minutes=message.bucket_minutes or BUCKET_MINUTES_DEFAULT,
            effective_from=effective_from,
            description=message.description,
            parks_negative=message.negative_values == _PARK,
            filter_expression=message.filter_expression,
            value_expression=message.value_expression,
            dimensions=tuple(Dimension(part.name, part.expression) for part in message.dimensions),
            rules=_rules_from_proto(message),
        )
    )


def _rules_from_proto(message: meter_pb2.MeterSpec) -> Rules:
    buckets = message.bucket_aggregation
    if message.aggregation == meter_pb2.AGGREGATION_PERCENTILE:
        buckets = buckets or meter_pb2.AGGREGATION_SUM
    session, unit = message.session, message.time_unit
    return Rules(
        session=Session(
            key=Reading(session.key_property, session.key_expression),
            phase=Reading(session.phase_property, session.phase_expression),
            start=session.start,
            stop=session.stop,
            heartbeat=session.heartbeat,
            timeout_s=session.timeout_seconds,
        ),
        time_unit=TimeUnit[meter_pb2.TimeUnit.Name(unit).removeprefix(_UNIT_PREFIX)] if unit else None,
        carries_over=message.carry_over,
        are_levels=message.values_are == meter_pb2.VALUE_MEANING_LEVELS,
        percentile=message.percentile,
        bucket_aggregation=OF_BUCKETS.get(meter_pb2.Aggregation.Name(buckets).removeprefix(_PREFIX)),
        skips_empty_buckets=message.empty_buckets == _SKIP,
    )


def meter_to_proto(version: MeterVersion) -> meter_pb2.Meter:
    """Return a version as a message; its effective time is the one that holds, also when it was left open."""
    spec = version.spec
    message = meter_pb2.Meter(
        name=version.name,
        version=version.version,
        spec=meter_pb2.MeterSpec(
            event_types=spec.event_types,
            aggregation=aggregation_to_proto(spec.aggregation),
            value_property=spec.value_property,
            filters=[meter_pb2.PropertyFilter(property=part.key, values=part.values) for part in spec.filters],
            group_by=spec.group_by,
            unit=spec.unit,
            bucket_minutes=spec.bucket_minutes,
            description=spec.description,
            negative_values=_PARK if spec.parks_negative else _UNSPECIFIED,
            filter_expression=spec.filter_expression,
            value_expression=spec.value_expression,
            dimensions=[meter_pb2.Dimension(name=part.name, expression=part.expression) for part in spec.dimensions],
        ),
        created_at=timestamp(version.created_at),
        filled=version.filled,
    )
    _rules_to_proto(spec.rules, message.spec)
    if version.counts_from is not None:
        message.spec.effective_from.FromDatetime(version.counts_from)
    return message


def _rules_to_proto(rules: Rules, spec: meter_pb2.MeterSpec) -> None:
    session = rules.session
    if session != NO_SESSION:
        spec.session.CopyFrom(
            meter_pb2.Session(
                key_property=session.key.key,
                key_expression=session.key.expression,
                phase_property=session.phase.key,
                phase_expression=session.phase.expression,
                start=session.start,
                stop=session.stop,
                heartbeat=session.heartbeat,
                timeout_seconds=session.timeout_s,
            )
        )
    if rules.time_unit is not None:
        spec.time_unit = meter_pb2.TimeUnit.Value(f"{_UNIT_PREFIX}{rules.time_unit.name}")
    spec.carry_over, spec.percentile = rules.carries_over, rules.percentile
    if rules.bucket_aggregation is not None:
        spec.bucket_aggregation = aggregation_to_proto(rules.bucket_aggregation)
    if rules.are_levels:
        spec.values_are = meter_pb2.VALUE_MEANING_LEVELS
    if rules.skips_empty_buckets:
        spec.empty_buckets = _SKIP


def description_to_proto(version: MeterVersion) -> meter_pb2.MeterDescription:
    """Return what a meter measures as a message, without how it selects its events."""
    spec = version.spec
    return meter_pb2.MeterDescription(
        name=version.name,
        unit=spec.unit,
        description=spec.description,
        aggregation=aggregation_to_proto(spec.aggregation),
        group_by=spec.group_by,
    )


def applied_to_proto(applied: AppliedMeter) -> pb.ApplyMeterResponse:
    """Return what applying a meter did as a message."""
    response = outcome_to_proto(applied.outcome)
    response.meter.CopyFrom(meter_to_proto(applied.version))
    return response


def outcome_to_proto(outcome: ApplyOutcome) -> pb.ApplyMeterResponse:
    """Return what applying a meter would do as a message."""
    return pb.ApplyMeterResponse(outcome=values_pb2.ApplyOutcome.Value(f"APPLY_OUTCOME_{outcome.name}"))


def filters_from_proto(messages: Iterable[meter_pb2.PropertyFilter]) -> tuple[PropertyFilter, ...]:
    """Return conditions on properties."""
    return tuple(PropertyFilter(message.property, tuple(message.values)) for message in messages)
