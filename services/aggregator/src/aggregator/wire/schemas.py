"""Schemas as messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from aggregator.domain.meters import ApplyOutcome
from aggregator.domain.repairs import RepairedProperty
from aggregator.domain.schemas import (
    Alias,
    AppliedSchema,
    Default,
    LowerCase,
    PropertyRule,
    PropertyType,
    Repair,
    SchemaSpec,
    SchemaVersion,
    Trim,
    Unit,
)
from chassis.errors import Reason, invalid_field
from eventlog.wire import instant_in, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import schema_pb2
from metering.common.v1 import values_pb2

_PREFIX: Final = "PROPERTY_TYPE_"
_HOLD: Final = schema_pb2.UNKNOWN_PROPERTIES_HOLD
_ALLOW: Final = schema_pb2.UNKNOWN_PROPERTIES_ALLOW
_UNSPECIFIED: Final = schema_pb2.UNKNOWN_PROPERTIES_UNSPECIFIED


def spec_from_proto(message: schema_pb2.EventSchemaSpec) -> SchemaSpec:
    """Return the schema asked for. Raises InvalidRequest."""
    effective_from = None
    if message.HasField("effective_from"):
        effective_from = instant_in(message.effective_from, "spec.effective_from")
    spec = SchemaSpec(
        rules=tuple(map(_rule, message.properties)),
        holds_unknown=message.unknown_properties == _HOLD,
        repairs=tuple(map(_repair, message.repairs)),
        effective_from=effective_from,
        description=message.description,
    )
    # Nothing at all is rather forgotten than meant.
    if spec.lets_all_pass and message.unknown_properties != _ALLOW:
        advice = "name a property or a repair, or write `unknownProperties: ALLOW` alone to let every event pass"
        fault = f"is empty, and nothing is repaired; {advice}"
        raise invalid_field("spec.properties", Reason.SCHEMA_INVALID, fault)
    return spec


def _unknown_properties(spec: SchemaSpec) -> schema_pb2.UnknownProperties.ValueType:
    """Return what a version was asked for with, so that it may be applied again as it is shown."""
    if spec.lets_all_pass:
        return _ALLOW
    return _HOLD if spec.holds_unknown else _UNSPECIFIED


def _rule(message: schema_pb2.PropertyRule) -> PropertyRule:
    return PropertyRule(
        name=message.name,
        type=PropertyType(schema_pb2.PropertyType.Name(message.type).removeprefix(_PREFIX)),
        required=message.required,
        values=tuple(message.values),
        least=message.min,
        greatest=message.max,
        min_length=message.min_length,
        max_length=message.max_length,
        pattern=message.pattern,
    )


def _repair(message: schema_pb2.Repair) -> Repair:
    match message.WhichOneof("action"):
        case "trim":
            return Trim(message.trim.property)
        case "lower_case":
            return LowerCase(message.lower_case.property)
        case "alias":
            return Alias(message.alias.property, tuple(message.alias.names))
        case "unit":
            unit = message.unit
            return Unit(unit.property, unit.factor, unit.to or unit.property)
        case _:
            return Default(message.default.property, message.default.value)


def schema_to_proto(version: SchemaVersion) -> schema_pb2.EventSchema:
    """Return a version as a message; its effective time is the one that holds, also when it was left open."""
    spec = version.spec
    message = schema_pb2.EventSchema(
        name=version.name,
        version=version.version,
        spec=schema_pb2.EventSchemaSpec(
            properties=map(_rule_to_proto, spec.rules),
            unknown_properties=_unknown_properties(spec),
            repairs=map(_repair_to_proto, spec.repairs),
            description=spec.description,
        ),
        created_at=timestamp(version.created_at),
    )
    if version.reads_from is not None:
        message.spec.effective_from.FromDatetime(version.reads_from)
    return message


def _rule_to_proto(rule: PropertyRule) -> schema_pb2.PropertyRule:
    return schema_pb2.PropertyRule(
        name=rule.name,
        type=schema_pb2.PropertyType.Value(f"{_PREFIX}{rule.type}"),
        required=rule.required,
        values=rule.values,
        min=rule.least,
        max=rule.greatest,
        min_length=rule.min_length,
        max_length=rule.max_length,
        pattern=rule.pattern,
    )


def _repair_to_proto(repair: Repair) -> schema_pb2.Repair:
    match repair:
        case Trim(key):
            return schema_pb2.Repair(trim=schema_pb2.TrimRepair(property=key))
        case LowerCase(key):
            return schema_pb2.Repair(lower_case=schema_pb2.LowerCaseRepair(property=key))
        case Alias(key, names):
            return schema_pb2.Repair(alias=schema_pb2.AliasRepair(property=key, names=names))
        case Unit(key, factor, to):
            kept = "" if to == key else to
            return schema_pb2.Repair(unit=schema_pb2.UnitRepair(property=key, factor=factor, to=kept))
        case Default(key, value):
            return schema_pb2.Repair(default=schema_pb2.DefaultRepair(property=key, value=value))


def applied_to_proto(applied: AppliedSchema) -> pb.ApplyEventSchemaResponse:
    """Return what applying a schema did as a message."""
    response = outcome_to_proto(applied.outcome)
    response.schema.CopyFrom(schema_to_proto(applied.version))
    response.recounted_meters.extend(applied.recounted)
    return response


def outcome_to_proto(outcome: ApplyOutcome) -> pb.ApplyEventSchemaResponse:
    """Return what applying a schema would do as a message."""
    return pb.ApplyEventSchemaResponse(outcome=values_pb2.ApplyOutcome.Value(f"APPLY_OUTCOME_{outcome.name}"))


def repaired_to_proto(repaired: Iterable[RepairedProperty]) -> Iterator[schema_pb2.RepairedProperty]:
    """Yield properties that are read otherwise than they came as messages."""
    for one in repaired:
        yield schema_pb2.RepairedProperty(property=one.property, before=one.before, after=one.after)
