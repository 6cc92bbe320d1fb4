"""Schemas of event types: what an event must be to count, and which version of a schema reads which span of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from aggregator.domain.meters import ALWAYS_US, NEVER_US
from aggregator.domain.values import parse_units, why_invalid
from chassis.errors import Reason
from chassis.errors.refused import Refused
from chassis.text import name_fault, value_fault
from eventlog.instants import instant_of, microseconds_of
from expressions import pattern_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from aggregator.domain.meters import ApplyOutcome

SCHEMAS_MAX: Final = 500
"""Most schemas of a tenant: each is looked at for every batch that holds its type."""
_GRID_US: Final = 900_000_000


class PropertyType(StrEnum):
    """What the text of a property must be."""

    TEXT = "TEXT"
    DECIMAL = "DECIMAL"
    INTEGER = "INTEGER"
    BOOL = "BOOL"
    TIME = "TIME"


NUMBERS: Final = frozenset({PropertyType.DECIMAL, PropertyType.INTEGER})


@dataclass(frozen=True, slots=True)
class PropertyRule:
    """What is demanded of one property. `least` and `greatest` are decimal text; empty or 0 demands nothing."""

    name: str
    type: PropertyType
    required: bool = False
    values: tuple[str, ...] = ()
    least: str = ""
    greatest: str = ""
    min_length: int = 0
    max_length: int = 0
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Trim:
    """White space at both ends of a property is left out."""

    property: str


@dataclass(frozen=True, slots=True)
class LowerCase:
    """A property is put in lower case."""

    property: str


@dataclass(frozen=True, slots=True)
class Alias:
    """The first of `names` that an event has is renamed to `property`, unless the event has that already."""

    property: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A number is multiplied by `factor` and stands under `to`, unless the event has another one there already."""

    property: str
    factor: str
    to: str


@dataclass(frozen=True, slots=True)
class Default:
    """A property that an event lacks gets a value."""

    property: str
    value: str


Repair = Trim | LowerCase | Alias | Unit | Default


def touched_by(repair: Repair) -> tuple[str, ...]:
    """Return the properties that a repair reads or writes."""
    match repair:
        case Alias(key, names):
            return key, *names
        case Unit(key, _, to):
            return key, to
        case Trim(key) | LowerCase(key) | Default(key, _):
            return (key,)


@dataclass(frozen=True, slots=True)
class SchemaSpec:
    """Content of a schema as it was asked for. `effective_from` is None when it was left open."""

    rules: tuple[PropertyRule, ...] = ()
    holds_unknown: bool = False
    repairs: tuple[Repair, ...] = ()
    effective_from: datetime | None = None
    description: str = ""

    @property
    def lets_all_pass(self) -> bool:
        """Whether it demands and mends nothing: such a version lifts the schema."""
        return not self.rules and not self.repairs and not self.holds_unknown


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One immutable version. `reads_from` is its effective time as resolved when it was applied; None: every event."""

    schema_id: int
    tenant: str
    name: str
    version: int
    spec: SchemaSpec
    reads_from: datetime | None
    created_at: datetime

    def __str__(self) -> str:
        """Name it for people."""
        return f"schema {self.name} (version {self.version})"


@dataclass(frozen=True, slots=True)
class ReadingSchema:
    """A version together with the span of event time [from_us, until_us) whose events it reads."""

    version: SchemaVersion
    from_us: int
    until_us: int


@dataclass(frozen=True, slots=True)
class AppliedSchema:
    """A schema's newest version after it was applied, and the meters that are counted again because of it."""

    outcome: ApplyOutcome
    version: SchemaVersion
    recounted: Sequence[str] = ()


def reading_schemas(versions: Iterable[SchemaVersion]) -> tuple[ReadingSchema, ...]:
    """Return the versions of one schema, oldest first: an event is read by the newest one effective at its time."""
    until_us = NEVER_US
    schemas = []
    for version in sorted(versions, key=lambda version: version.version, reverse=True):
        start_us = ALWAYS_US if version.reads_from is None else microseconds_of(version.reads_from)
        schemas.append(ReadingSchema(version, start_us, until_us))
        until_us = min(until_us, start_us)
    return tuple(reversed(schemas))


def reading_schemas_by_tenant(versions: Iterable[SchemaVersion]) -> Mapping[str, tuple[ReadingSchema, ...]]:
    """Return all versions of every tenant's schemas with their spans."""
    by_name: dict[tuple[str, str], list[SchemaVersion]] = {}
    for version in versions:
        by_name.setdefault((version.tenant, version.name), []).append(version)
    by_tenant: dict[str, list[ReadingSchema]] = {}
    for (tenant, _), history in sorted(by_name.items()):
        by_tenant.setdefault(tenant, []).extend(reading_schemas(history))
    return {tenant: tuple(schemas) for tenant, schemas in by_tenant.items()}


def same_content(wanted: SchemaSpec, current: SchemaVersion) -> bool:
    """Whether applying `wanted` over `current` would change nothing; an open effective time leaves it as it is."""
    if replace(wanted, effective_from=None) != replace(current.spec, effective_from=None):
        return False
    return wanted.effective_from is None or wanted.effective_from == current.reads_from


def resolve_reads_from(spec: SchemaSpec, earlier: Sequence[SchemaVersion], now: datetime) -> datetime | None:
    """When the version begins to read: as asked; else a first one always, a later one from the quarter of an hour."""
    if spec.effective_from is not None or not earlier:
        return spec.effective_from
    return instant_of(microseconds_of(now) // _GRID_US * _GRID_US)


def problems_of(spec: SchemaSpec) -> list[Refused]:
    """What is wrong with a schema looked at alone; empty when nothing is."""
    problems = list(_problems_of_names(spec))
    seen: set[str] = set()
    for number, rule in enumerate(spec.rules):
        field = f"spec.properties[{number}]"
        if rule.name in seen:
            problems.append(_invalid(f"{field}.name", f"{rule.name} is given twice; put all its rules in one entry"))
        seen.add(rule.name)
        problems += _problems_of_rule(field, rule)
    for number, repair in enumerate(spec.repairs):
        problems += _problems_of_repair(f"spec.repairs[{number}]", repair)
    return problems


def _problems_of_rule(field: str, rule: PropertyRule) -> Iterator[Refused]:
    if rule.type not in NUMBERS and (rule.least or rule.greatest):
        yield _invalid(f"{field}.min" if rule.least else f"{field}.max", "goes with DECIMAL and INTEGER; leave it out")
    bounds = [("min", rule.least), ("max", rule.greatest)]
    for name, text in bounds:
        if text and parse_units(text) is None:
            yield _invalid(f"{field}.{name}", why_invalid(text))
    if rule.least and rule.greatest and _exceeds(rule.least, rule.greatest):
        yield _invalid(f"{field}.min", f"is above max, {rule.greatest}, so that no value would do; lower it")
    if rule.type is not PropertyType.TEXT and (rule.min_length or rule.max_length or rule.pattern):
        name = "pattern" if rule.pattern else "max_length" if rule.max_length else "min_length"
        yield _invalid(f"{field}.{name}", "goes with TEXT; leave it out")
    if rule.max_length and rule.min_length > rule.max_length:
        yield _invalid(f"{field}.min_length", f"is above max_length, {rule.max_length}; lower it")
    fault = pattern_fault(rule.pattern)
    if fault is not None:
        yield _invalid(f"{field}.pattern", fault)
    if "" in rule.values:
        yield _invalid(
            f"{field}.values", "holds an empty text, which is an absent property; leave `required` out instead"
        )


def _problems_of_repair(field: str, repair: Repair) -> Iterator[Refused]:
    if isinstance(repair, Unit):
        number = parse_units(repair.factor)
        if number is None or number[0] <= 0:
            demand = "is no decimal above zero of at most 18 digits before and after the point"
            yield _invalid(f"{field}.unit.factor", f"{repair.factor!r} {demand}; write one such as 0.001")
    if isinstance(repair, Alias) and repair.property in repair.names:
        yield _invalid(f"{field}.alias.names", f"holds {repair.property} itself; leave it out")


def _exceeds(text: str, other: str) -> bool:
    number, limit = parse_units(text), parse_units(other)
    if number is None or limit is None:
        return False
    return bool(number[0] * 10 ** limit[1] > limit[0] * 10 ** number[1])


def _problems_of_names(spec: SchemaSpec) -> Iterator[Refused]:
    names = [("spec.properties", rule.name) for rule in spec.rules]
    names += [("spec.repairs", key) for repair in spec.repairs for key in touched_by(repair)]
    faults = [(field, name_fault(text)) for field, text in [*names, ("spec.description", spec.description)]]
    values = [("spec.properties", value) for rule in spec.rules for value in rule.values]
    values += [("spec.repairs", repair.value) for repair in spec.repairs if isinstance(repair, Default)]
    for field, fault in faults + [(field, value_fault(text)) for field, text in values]:
        if fault is not None:
            yield Refused(field, Reason.TEXT_INVALID, fault)


def _invalid(field: str, text: str) -> Refused:
    return Refused(field, Reason.SCHEMA_INVALID, text)
