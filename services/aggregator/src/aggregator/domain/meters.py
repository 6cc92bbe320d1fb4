"""Meters: which events count, how, and which version of a meter rules which span of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from aggregator.domain.aggregations.aggregation import Aggregation, Reads
from aggregator.domain.aggregations.computed import Computed
from aggregator.domain.aggregations.over_time import OverTime
from aggregator.domain.aggregations.rules import NO_RULES, Rules
from aggregator.domain.formulas import canonical_formula
from aggregator.domain.meter_rules import problems_of_rules, same_rules
from aggregator.domain.readings import METER_PARTS_MAX, WRITABLE, Reading, expression_fault, parts_of
from chassis.errors import Reason
from chassis.errors.refused import Refused
from chassis.text import name_fault
from eventlog.instants import instant_of, microseconds_of
from expressions import Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aggregator.domain.billable import EventRounding
    from aggregator.domain.formulas import Formula

ALWAYS_US: Final = -(2**62)
"""Earlier than any event: the start of a range that has none."""
NEVER_US: Final = 2**62
"""Later than any event: the end of a range that has none."""
BUCKET_MINUTES_DEFAULT: Final = 15
BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
"""As an effective time: before all other versions."""
_BEFORE_ALL: Final = "let this version begin before all others (effectiveFrom: 0001-01-01), to count everything anew"


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    """The property must equal one of the values; an absent property equals the empty text."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dimension:
    """A name in `group_by` that stands for an expression instead of a property."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """Content of a meter as it was asked for. `effective_from` is None when it was left open."""

    event_types: tuple[str, ...]
    aggregation: Aggregation
    value_property: str = ""
    filters: tuple[PropertyFilter, ...] = ()
    group_by: tuple[str, ...] = ()
    unit: str = ""
    bucket_minutes: int = BUCKET_MINUTES_DEFAULT
    effective_from: datetime | None = None
    description: str = ""
    parks_negative: bool = False
    filter_expression: str = ""
    value_expression: str = ""
    dimensions: tuple[Dimension, ...] = ()
    rounding: EventRounding | None = None
    """How events are rounded one by one for what is billed; None: what is metered is billed."""
    rules: Rules = NO_RULES
    formula: Formula | None = None
    """What it is computed by; None: it counts events."""

    @property
    def lookback_us(self) -> int:
        """How long after its time an event may still matter: so far back a question looks."""
        return self.aggregation.lookback_us(self.rules) if isinstance(self.aggregation, OverTime) else 0

    @property
    def value(self) -> Reading:
        """What it reads as the value."""
        return Reading(self.value_property, self.value_expression)

    def group(self, name: str) -> Reading:
        """Return what a name in `group_by` stands for."""
        expression = next((part.expression for part in self.dimensions if part.name == name), "")
        return Reading(name, expression)

    @property
    def bucket_us(self) -> int:
        """Length of a stored window in microseconds."""
        return self.bucket_minutes * 60_000_000


@dataclass(frozen=True, slots=True)
class MeterVersion:
    """One immutable version. `counts_from` is its effective time as resolved when it was applied; None: every event.

    `filled_since` says from when on the fill that it waits for, if any, counts again; None: from its beginning. A
    `pending` version is counted, but not answered from: those before it rule until it is filled.
    """

    meter_id: int
    tenant: str
    name: str
    version: int
    spec: MeterSpec
    counts_from: datetime | None
    created_at: datetime
    fill_id: int | None = None
    filled_since: datetime | None = None
    pending: bool = False

    @property
    def filled(self) -> bool:
        """False while the events that came before the version are still being counted."""
        return self.fill_id is None

    @property
    def answers_in_part(self) -> bool:
        """Whether it is answered from although it is not filled."""
        return not self.filled and not self.pending


@dataclass(frozen=True, slots=True)
class CountingMeter:
    """A version together with the span of event time [from_us, until_us) in which it counts."""

    version: MeterVersion
    from_us: int
    until_us: int
    components: tuple[tuple[CountingMeter, ...], ...] = ()
    """Of a version that is computed by a formula: the versions of the meters that it reads, in its order."""
    asks_until_us: int = NEVER_US
    """Where pending versions will take over: what only this version asks for beyond that is nobody's soon."""

    @property
    def meter_id(self) -> int:
        """Key of the version."""
        return self.version.meter_id

    @property
    def spec(self) -> MeterSpec:
        """Content of the version."""
        return self.version.spec

    @property
    def never_counts(self) -> bool:
        """True when later versions took over its whole span."""
        return self.from_us >= self.until_us

    def still_to_fill(self) -> CountingMeter:
        """Return the part of its span that the fill which it waits for counts."""
        since = self.version.filled_since
        return self if since is None else replace(self, from_us=max(self.from_us, microseconds_of(since)))

    def overlaps(self, start_us: int, end_us: int) -> bool:
        """Whether the version counts anywhere in [start_us, end_us)."""
        return max(self.from_us, start_us) < min(self.until_us, end_us)


class ApplyOutcome(StrEnum):
    """What applying a meter did."""

    CREATED = "CREATED"
    UNCHANGED = "UNCHANGED"
    NEW_VERSION = "NEW_VERSION"


@dataclass(frozen=True, slots=True)
class AppliedMeter:
    """A meter's newest version after it was applied."""

    outcome: ApplyOutcome
    version: MeterVersion


def counting_meters(versions: Iterable[MeterVersion]) -> tuple[CountingMeter, ...]:
    """Return the versions of one meter that rule with their spans: an event counts by the newest effective at its time.

    What is pending rules not yet.
    """
    return _spans_of([version for version in versions if not version.pending])


def folded_meters(versions: Sequence[MeterVersion]) -> tuple[CountingMeter, ...]:
    """Return the versions of one meter that are counted: those that rule, and the pending ones as they will."""
    ends = {meter.meter_id: meter.until_us for meter in _spans_of(versions)}
    ruling = (replace(meter, asks_until_us=ends[meter.meter_id]) for meter in counting_meters(versions))
    return (*ruling, *(meter for meter in _spans_of(versions) if meter.version.pending))


def shortened(versions: Sequence[MeterVersion], rule: Sequence[MeterVersion]) -> list[tuple[MeterVersion, int]]:
    """Return the versions whose span would end sooner if all of `rule` ruled as well, each with its new end."""
    ends_before = {meter.meter_id: meter.until_us for meter in _spans_of(versions)}
    return [
        (meter.version, max(meter.until_us, ALWAYS_US))
        for meter in _spans_of([*versions, *rule])
        if meter.until_us < ends_before.get(meter.meter_id, ALWAYS_US)
    ]


def _spans_of(versions: Iterable[MeterVersion]) -> tuple[CountingMeter, ...]:
    newest_first = sorted(versions, key=lambda version: version.version, reverse=True)
    until_us = NEVER_US
    meters = []
    for version in newest_first:
        start_us = ALWAYS_US if version.counts_from is None else microseconds_of(version.counts_from)
        meters.append(CountingMeter(version, start_us, until_us))
        until_us = min(until_us, start_us)
    return tuple(reversed(meters))


def counting_meters_by_tenant(versions: Iterable[MeterVersion]) -> Mapping[str, tuple[CountingMeter, ...]]:
    """All that is counted of every tenant's meters, with its spans."""
    by_name: dict[tuple[str, str], list[MeterVersion]] = {}
    for version in versions:
        by_name.setdefault((version.tenant, version.name), []).append(version)
    by_tenant: dict[str, list[CountingMeter]] = {}
    for (tenant, _), history in sorted(by_name.items()):
        by_tenant.setdefault(tenant, []).extend(folded_meters(history))
    return {tenant: tuple(meters) for tenant, meters in by_tenant.items()}


def with_components(histories: Sequence[tuple[CountingMeter, ...]]) -> list[tuple[CountingMeter, ...]]:
    """Return the versions of meters, those that are computed by a formula with those of the meters that it reads."""
    by_name = {history[0].version.name: history for history in histories}
    return [
        tuple(
            replace(meter, components=tuple(by_name[name] for name in meter.spec.formula.meters))
            if meter.spec.formula is not None
            else meter
            for meter in history
        )
        for history in histories
    ]


def canonical(spec: MeterSpec) -> MeterSpec:
    """The same meter with its sets in order, so that equal meters compare equal."""
    filters = (PropertyFilter(item.key, tuple(sorted(set(item.values)))) for item in spec.filters)
    return replace(
        spec,
        event_types=tuple(sorted(spec.event_types)),
        filters=tuple(sorted(filters, key=lambda item: item.key)),
        dimensions=tuple(sorted(spec.dimensions, key=lambda item: item.name)),
        formula=None if spec.formula is None else canonical_formula(spec.formula),
    )


def same_content(wanted: MeterSpec, current: MeterVersion) -> bool:
    """Whether applying `wanted` over `current` would change nothing; an open effective time leaves it as it is."""
    if replace(wanted, effective_from=None) != replace(current.spec, effective_from=None):
        return False
    return wanted.effective_from is None or _counts_from(wanted) == current.counts_from


def resolve_counts_from(spec: MeterSpec, earlier: Sequence[MeterVersion], now: datetime) -> datetime | None:
    """When the version begins to count: as asked; else a first one always, a later one from the running bucket on.

    What is computed by a formula is so at all times.
    """
    if spec.effective_from is not None or spec.formula is not None or not earlier:
        return _counts_from(spec)
    grid_us = max(spec.bucket_us, *(version.spec.bucket_us for version in earlier))
    return instant_of(microseconds_of(now) // grid_us * grid_us)


def _counts_from(spec: MeterSpec) -> datetime | None:
    return None if spec.effective_from == BEGINNING else spec.effective_from


def problems_of(spec: MeterSpec) -> list[Refused]:
    """What is wrong with a meter looked at alone; empty when nothing is."""
    if spec.formula is not None or isinstance(spec.aggregation, Computed):
        return [*_problems_of_names(spec), *_problems_of_formula(spec)]
    problems = [*_problems_of_names(spec), *_problems_of_value(spec), *_problems_of_expressions(spec)]
    if not spec.event_types:
        problems.append(_invalid("spec.event_types", "must name at least one event type; only FORMULA counts none"))
    problems += [
        _invalid(f"spec.{field}", message) for field, message in problems_of_rules(spec.aggregation, spec.rules)
    ]
    if spec.parks_negative and spec.aggregation.READS is not Reads.DECIMAL:
        message = f"{spec.aggregation} reads no decimal, so no value is below zero; leave negative_values out"
        problems.append(_invalid("spec.negative_values", message))
    if spec.rounding is not None:
        problems += spec.rounding.problems("spec.billable.per_event")
        if spec.aggregation.NAME != "SUM":
            message = f"goes with SUM, and {spec.aggregation} adds no values up; leave it out"
            problems.append(_invalid("spec.billable", message))
    if any(not event_type for event_type in spec.event_types):
        problems.append(_invalid("spec.event_types", "an event type is empty; name at least one character"))
    if any(not key for key in spec.group_by):
        problems.append(_invalid("spec.group_by", "a group-by property is empty; name at least one character"))
    keys = [item.key for item in spec.filters]
    if len(keys) != len(set(keys)):
        problems.append(_invalid("spec.filters", "a property is filtered twice; put all its values in one filter"))
    if spec.effective_from is not None and microseconds_of(spec.effective_from) % spec.bucket_us:
        message = f"must fall on the meter's grid of {spec.bucket_minutes} minutes; take a full quarter of an hour"
        problems.append(_invalid("spec.effective_from", message))
    return problems


def _problems_of_formula(spec: MeterSpec) -> list[Refused]:
    """What is wrong with a meter that is computed; of its own it has groups, a unit and a description."""
    if spec.formula is None:
        return [_invalid("spec.formula", f"{spec.aggregation} needs the formula and the meters that it reads")]
    if not isinstance(spec.aggregation, Computed):
        return [_invalid("spec.formula", f"goes with FORMULA, and {spec.aggregation} counts events; leave one out")]
    own = {"formula": spec.formula, "group_by": spec.group_by, "unit": spec.unit, "description": spec.description}
    bare = MeterSpec(event_types=(), aggregation=spec.aggregation, bucket_minutes=spec.bucket_minutes)
    if spec != replace(bare, **own):  # type: ignore[arg-type]  # the fields of the same names
        message = (
            "computes from other meters, which read events; beside formula it has groupBy, unit and description only; "
            "move the rest to those meters"
        )
        return [_invalid("spec.aggregation", message)]
    return spec.formula.problems("spec.formula")


def _problems_of_value(spec: MeterSpec) -> list[Refused]:
    field = "spec.value_property" if spec.value_property or not spec.value_expression else "spec.value_expression"
    is_given = bool(spec.value_property or spec.value_expression)
    reads_value = spec.aggregation.READS in {Reads.TEXT, Reads.DECIMAL}
    if reads_value and not is_given:
        return [_invalid(field, f"{spec.aggregation} needs the property that holds the value; name it")]
    if not reads_value and is_given:
        what = "events" if spec.aggregation.READS is Reads.NOTHING else "sessions"
        return [_invalid(field, f"{spec.aggregation} counts {what} and reads no value; leave it out")]
    if spec.value_property and spec.value_expression:
        return [_invalid("spec.value_expression", "stands beside a property; leave one of them out")]
    return []


def _problems_of_expressions(spec: MeterSpec) -> list[Refused]:
    faults = []
    if spec.filter_expression:
        faults.append(expression_fault("spec.filter_expression", spec.filter_expression, frozenset({Type.BOOL})))
    if spec.value_expression:
        wanted = frozenset({Type.DECIMAL}) if spec.aggregation.READS is Reads.DECIMAL else WRITABLE
        faults.append(expression_fault("spec.value_expression", spec.value_expression, wanted))
    for name, reading in _readings_of_session(spec):
        if reading.expression:
            faults.append(expression_fault(f"spec.session.{name}_expression", reading.expression, WRITABLE))
    seen: set[str] = set()
    for number, part in enumerate(spec.dimensions):
        field = f"spec.dimensions[{number}]"
        faults.append(expression_fault(f"{field}.expression", part.expression, WRITABLE))
        if part.name not in spec.group_by:
            faults.append(_invalid(f"{field}.name", "is not in groupBy; add it there, or remove the dimension"))
        if part.name in seen:
            faults.append(_invalid(f"{field}.name", "is given twice; take another name"))
        seen.add(part.name)
    return [fault for fault in faults if fault is not None] or _problems_of_size(spec)


def _problems_of_size(spec: MeterSpec) -> list[Refused]:
    given = [("spec.filter_expression", spec.filter_expression), ("spec.value_expression", spec.value_expression)]
    given += [(f"spec.session.{name}_expression", reading.expression) for name, reading in _readings_of_session(spec)]
    given += [(f"spec.dimensions[{number}].expression", part.expression) for number, part in enumerate(spec.dimensions)]
    sound = [(field, source) for field, source in given if source]
    parts = parts_of(source for _, source in sound)
    if parts <= METER_PARTS_MAX:
        return []
    message = (
        f"the expressions of the meter have {parts} parts together, and at most {METER_PARTS_MAX} are allowed; "
        "make them smaller, or send what is computed as a property"
    )
    return [_invalid(sound[-1][0], message)]


def _readings_of_session(spec: MeterSpec) -> list[tuple[str, Reading]]:
    return [("key", spec.rules.session.key), ("phase", spec.rules.session.phase)]


def _problems_of_names(spec: MeterSpec) -> list[Refused]:
    """What no event may be called, a meter may not look for; the values of its filters are data."""
    names = [
        *(("spec.event_types", event_type) for event_type in spec.event_types),
        ("spec.value_property", spec.value_property),
        *(("spec.filters", part.key) for part in spec.filters),
        *(("spec.group_by", key) for key in spec.group_by),
        *((f"spec.dimensions[{number}].name", part.name) for number, part in enumerate(spec.dimensions)),
        *((f"spec.session.{name}_property", reading.key) for name, reading in _readings_of_session(spec)),
        ("spec.unit", spec.unit),
        ("spec.description", spec.description),
    ]
    faults = ((field, name_fault(text)) for field, text in names)
    return [Refused(field, Reason.TEXT_INVALID, fault) for field, fault in faults if fault is not None]


def problems_of_succession(candidate: MeterVersion, earlier: Sequence[MeterVersion]) -> list[Refused]:
    """What is wrong with a version as the successor of the earlier ones of its meter."""
    if not earlier:
        return []
    if earlier[-1].spec.formula != candidate.spec.formula:
        message = "can't change, for what was billed by it must be found again; make a new meter, and price that one"
        return [_invalid("spec.formula", message)]
    counting = [meter for meter in _spans_of([*earlier, candidate]) if not meter.never_counts]
    problems = []
    grid_us = max(meter.spec.bucket_us for meter in counting)
    if candidate.counts_from is not None and microseconds_of(candidate.counts_from) % grid_us:
        message = f"must fall on the grid of {grid_us // 60_000_000} minutes of the versions before; take such a time"
        problems.append(_invalid("spec.effective_from", message))
    if len({meter.spec.aggregation for meter in counting}) > 1 and _differ_only_in_billing(counting):
        message = (
            "is new or left out, unlike in the version before, and what they bill can't be added up; "
            f"write it as before (its numbers may change), make a new meter, or {_BEFORE_ALL}"
        )
        problems.append(_invalid("spec.billable", message))
    elif len({meter.spec.aggregation for meter in counting}) > 1:
        message = (
            "differs from the version before, and their quantities can't be added up; "
            f"make a new meter, or {_BEFORE_ALL}"
        )
        problems.append(_invalid("spec.aggregation", message))
    elif not same_rules([meter.spec for meter in counting]):
        message = (
            "counts time by other rules than the version before (session, time unit, carry-over, percentile, buckets, "
            "rounding of sessions; of readings, the groups, too), "
            "and what goes on from one to the other can't be put together; make a new meter, "
            f"or {_BEFORE_ALL}"
        )
        problems.append(_invalid("spec.aggregation", message))
    return problems


def _differ_only_in_billing(counting: Sequence[CountingMeter]) -> bool:
    names = {meter.spec.aggregation.NAME for meter in counting}
    return len(names) == 1 and len({meter.spec.rounding is None for meter in counting}) > 1


def _invalid(field: str, text: str) -> Refused:
    return Refused(field, Reason.METER_INVALID, text)
