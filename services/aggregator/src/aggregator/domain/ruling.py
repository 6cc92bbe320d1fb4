"""Which schema reads which event, and what that makes of it: mended properties, and events that are held.

An event is read by the version of its type's schema that is effective at its time. One that was held and requeued since
is read by the version that let it pass, so that counting everything from the start comes to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from aggregator.domain.judging import Fault, faults, judge
from aggregator.domain.meters import ALWAYS_US, NEVER_US
from aggregator.domain.repairs import ColumnRepairs, repaired
from aggregator.domain.schemas import touched_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from aggregator.domain.batch import Batch, BatchColumn
    from aggregator.domain.matching import ReadableEvent
    from aggregator.domain.schemas import ReadingSchema, SchemaVersion

Released = Mapping[tuple[int, int], int]
"""By lane and position of events that were held and count since: the key of the schema version that reads them."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why an event is held, and the schema that says so."""

    schema: SchemaVersion
    fault: Fault


@dataclass(frozen=True, slots=True)
class Mending:
    """What schemas make of a batch: columns that they may have mended by key, and the rows that each version reads.

    `failed` has per event the number of the first repair that failed; None where none did.
    """

    columns: Mapping[str, BatchColumn]
    owned: Sequence[tuple[SchemaVersion, NDArray[np.int64]]]
    failed: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Ruling:
    """All versions of a tenant's schemas with their spans, and the events that are read by one of their own."""

    schemas: Sequence[ReadingSchema]
    released: Released = field(default_factory=dict)

    def mend(self, batch: Batch) -> Mending | None:
        """Mend a batch; None where no schema reads any of its events."""
        owned = list(self._owned(batch))
        if not owned:
            return None
        repairs = ColumnRepairs(batch)
        for version, rows in owned:
            repairs.apply(version.spec.repairs, rows)
        return Mending(repairs.columns(), owned, repairs.failed)

    @staticmethod
    def faults_of(batch: Batch, mending: Mending) -> dict[int, RowFault]:
        """Judge a batch that was mended: return why events are held, by their rows."""
        return {
            row: RowFault(version, fault)
            for version, rows in mending.owned
            for row, fault in faults(batch, version.spec, rows, mending.failed).items()
        }

    def of_event(self, event: ReadableEvent) -> tuple[ReadableEvent, RowFault | None]:
        """Return one event as meters read it, and why it is held, if it is."""
        version = self._version_of(event)
        if version is None:
            return event, None
        read, failed = repaired(event.properties, version.spec.repairs)
        fault = judge(version.spec, read, failed)
        return replace(event, properties=read), None if fault is None else RowFault(version, fault)

    def mending_alone(self, released_by: int) -> Ruling:
        """Return what only mends, and judges nothing: as of each event's time or, where not 0, all by one version."""
        chosen = [
            schema if not released_by else replace(schema, from_us=ALWAYS_US, until_us=NEVER_US)
            for schema in self.schemas
            if released_by in {0, schema.version.schema_id}
        ]
        return Ruling([replace(schema, version=_without_rules(schema.version)) for schema in chosen])

    def properties_read(self, types: Sequence[str]) -> set[str]:
        """Return the properties that repairs read or write in events of some types."""
        repairs = (
            repair for schema in self.schemas if schema.version.name in types for repair in schema.version.spec.repairs
        )
        return {key for repair in repairs for key in touched_by(repair)}

    def _version_of(self, event: ReadableEvent) -> SchemaVersion | None:
        released = self.released.get(event.counted_at)
        for schema in self.schemas:
            if released is not None:
                if schema.version.schema_id == released:
                    return schema.version
            elif schema.version.name == event.type and schema.from_us <= event.time_us < schema.until_us:
                return schema.version
        return None

    def _owned(self, batch: Batch) -> Iterator[tuple[SchemaVersion, NDArray[np.int64]]]:
        """Yield each version that reads any event, with the rows of those that it reads."""
        known = frozenset(batch.types.values)
        asked = [schema for schema in self.schemas if schema.version.name in known]
        if not asked:
            return
        released = self._released_rows(batch)
        is_released = np.zeros(len(batch), dtype=np.bool_)
        is_released[list(released)] = True
        for schema in asked:
            version = schema.version
            mask = batch.types.is_any_of((version.name,)) & ~is_released
            if mask.any():
                mask &= (batch.times_us >= schema.from_us) & (batch.times_us < schema.until_us)
            mask[[row for row, schema_id in released.items() if schema_id == version.schema_id]] = True
            if mask.any():
                yield version, np.flatnonzero(mask)

    def _released_rows(self, batch: Batch) -> dict[int, int]:
        """Return the rows of events, or of what takes them back, that are read by a version of their own."""
        if not self.released:
            return {}
        found: dict[int, int] = {}
        first_row = 0
        for segment in batch.segments:
            counted_at = (
                dict(zip(segment.taken_back, range(len(segment.events)), strict=True))
                if segment.sign < 0
                else range(segment.first_position, segment.last_position + 1)
            )
            for (lane, position), schema_id in self.released.items():
                if lane == segment.lane and position in counted_at:
                    place = counted_at[position] if segment.sign < 0 else position - segment.first_position
                    found[first_row + place] = schema_id
            first_row += len(segment.events)
        return found


def _without_rules(version: SchemaVersion) -> SchemaVersion:
    return replace(version, spec=replace(version.spec, rules=(), holds_unknown=False))
