"""Meters as messages."""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.domain.aggregations import OF_BUCKETS, aggregation_named
from aggregator.domain.aggregations.aggregation import Aggregation
from aggregator.domain.aggregations.rules import NO_SESSION, Rules, Session, TimeUnit
from aggregator.domain.billable import EventRounding, RoundingMode
from aggregator.domain.filling import FillProgress
from aggregator.domain.formulas import Component, Formula
from aggregator.domain.groups import GroupCount
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
from chassis.errors import Reason, invalid_field
from eventlog.wire import instant_in, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import values_pb2

_PREFIX = "AGGREGATION_"
_MODE = "EVENT_ROUNDING_MODE_"
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
    if message.HasField("billable") and not message.billable.ListFields():
        text = "is empty; write per_event for SUM, per_session for DURATION, or leave it out"
        raise invalid_field("spec.billable", Reason.METER_INVALID, text)
    return canonical(
        MeterSpec(
            event_types=tuple(message.event_types),
            aggregation=aggregation_named(
                meter_pb2.Aggregation.Name(message.aggregation).removeprefix(_PREFIX),
                bills_events=message.billable.HasField("per_event"),
            ),
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
            rounding=_rounding(message.billable.per_event) if message.billable.HasField("per_event") else None,
            rules=_rules_from_proto(message),
            formula=_formula_from_proto(message.formula) if message.HasField("formula") else None,
        )
    )


def drafts_from_proto(messages: Iterable[pb.MeterDraft]) -> dict[str, MeterSpec]:
    """Return meters that are about to be applied, by name."""
    return {message.name: spec_from_proto(message.spec) for message in messages}


def _formula_from_proto(message: meter_pb2.Formula) -> Formula:
    return Formula(tuple(Component(part.name, part.meter) for part in message.components), message.expression)


def _rounding(message: meter_pb2.EventRounding) -> EventRounding:
    mode = RoundingMode(meter_pb2.EventRoundingMode.Name(message.mode).removeprefix(_MODE))
    return EventRounding(message.minimum, message.increment, mode)


def _rounding_to_proto(rounding: EventRounding) -> meter_pb2.EventRounding:
    return meter_pb2.EventRounding(
        minimum=rounding.minimum,
        increment=rounding.increment,
        mode=meter_pb2.EventRoundingMode.Value(f"{_MODE}{rounding.mode}"),
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
        session_rounding=_rounding(message.billable.per_session) if message.billable.HasField("per_session") else None,
    )


def meter_to_proto(
    version: MeterVersion, fill: FillProgress | None = None, groups: GroupCount | None = None
) -> meter_pb2.Meter:
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
        pending=version.pending,
    )
    if spec.rounding is not None:
        message.spec.billable.per_event.CopyFrom(_rounding_to_proto(spec.rounding))
    if spec.formula is not None:
        components = [meter_pb2.FormulaComponent(name=one.name, meter=one.meter) for one in spec.formula.components]
        formula = meter_pb2.Formula(components=components, expression=spec.formula.expression)
        message.spec.formula.CopyFrom(formula)
    _rules_to_proto(spec.rules, message.spec)
    if version.counts_from is not None:
        message.spec.effective_from.FromDatetime(version.counts_from)
    if fill is not None:
        message.fill.CopyFrom(_fill_to_proto(fill))
    # What is computed by a formula keeps no groups of its own.
    if groups is not None and spec.formula is None:
        message.groups.CopyFrom(_groups_to_proto(groups))
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
    if rules.session_rounding is not None:
        spec.billable.per_session.CopyFrom(_rounding_to_proto(rules.session_rounding))
    if rules.skips_empty_buckets:
        spec.empty_buckets = _SKIP


def _fill_to_proto(fill: FillProgress) -> meter_pb2.FillProgress:
    message = meter_pb2.FillProgress(
        began_at=timestamp(fill.place.began_at),
        positions_done=fill.place.done,
        positions_total=fill.place.total,
        positions_per_s=fill.positions_per_s,
    )
    if fill.estimated_end is not None:
        message.estimated_end.CopyFrom(timestamp(fill.estimated_end))
    return message


def _groups_to_proto(groups: GroupCount) -> meter_pb2.GroupCount:
    message = meter_pb2.GroupCount(told_apart=groups.groups)
    if groups.full_since is not None:
        message.full_since.CopyFrom(timestamp(groups.full_since))
    return message


def description_to_proto(version: MeterVersion) -> meter_pb2.MeterDescription:
    """Return what a meter measures as a message, without how it selects its events."""
    spec = version.spec
    return meter_pb2.MeterDescription(
        name=version.name,
        unit=spec.unit,
        description=spec.description,
        aggregation=aggregation_to_proto(spec.aggregation),
        group_by=spec.group_by,
        computed_from=() if spec.formula is None else spec.formula.meters,
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
