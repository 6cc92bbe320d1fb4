"""Groups beyond the limit of a meter: which ones they are, that nothing of them is lost, and that voids find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import AGGREGATIONS, BY_NAME, OF_BUCKETS
from aggregator.domain.aggregations.aggregation import Aggregation, Reads
from aggregator.domain.aggregations.groups import OTHER_GROUP, group_hash, group_key
from aggregator.domain.aggregations.rules import NO_RULES, Rules, Session
from aggregator.domain.batch import LogSegment
from aggregator.domain.fold import TenantFold
from aggregator.domain.groups import GroupCount, ToldApart, with_room
from aggregator.domain.meters import CountingMeter, MeterSpec, MeterVersion, counting_meters
from aggregator.domain.query import UsageQuery, plan_query
from aggregator.domain.reading import counted_rows
from aggregator.domain.readings import Reading
from aggregator.domain.recount import recount
from aggregator.domain.windows import Windows, merged
from eventlog.columns import EventColumns, TextColumn
from eventlog.instants import microseconds_of
from eventlog.period import Period

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = Period(START, START + timedelta(days=1))
SESSION = Session(Reading("key"), Reading("phase"), "start", "stop", "", 3600)
RULES = {
    Reads.SESSION: Rules(session=SESSION),
    "WEIGHTED_SUM": Rules(are_levels=True),
    "PERCENTILE": Rules(percentile="50", bucket_aggregation=OF_BUCKETS["SUM"]),
}


@dataclass(frozen=True)
class Event:
    """One event in words of the oracle, at a minute of the day; `back` has the position of the one it takes back."""

    region: str
    key: str
    phase: str
    value: int
    minute: int
    back: int = 0


@dataclass
class Kept:
    """What the store keeps of one meter: the groups that it tells apart, and its windows as they were added."""

    groups_max: int
    hashes: set[bytes] = field(default_factory=set)
    full_since: datetime | None = None
    parts: list[Windows] = field(default_factory=list)

    def add(self, meter: CountingMeter, segments: Sequence[LogSegment]) -> None:
        """Fold a batch as the service does."""
        for folded in TenantFold(segments, [meter]).by_meter():
            assert folded.windows is not None
            new = [group for group in folded.windows.groups_by_first_event() if group_hash(group) not in self.hashes]
            admitted, others = with_room(GroupCount(len(self.hashes), self.full_since), self.groups_max, new)
            self.hashes |= set(map(group_hash, admitted))
            self.full_since = START if others else self.full_since
            counted = folded.with_others(set(others))[0] if others else folded
            assert counted.windows is not None
            self.parts.append(counted.windows.windows)


def meter(aggregation: Aggregation) -> CountingMeter:
    value = "" if aggregation.READS in {Reads.SESSION, Reads.NOTHING} else "value"
    rules = RULES.get(aggregation.NAME, RULES.get(aggregation.READS, NO_RULES))
    spec = MeterSpec(("call",), aggregation, value, group_by=("region",), rules=rules)
    return counting_meters([MeterVersion(1, "acme", "m", 1, spec, None, START)])[0]


METERS = [meter(aggregation) for aggregation in AGGREGATIONS]
EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from(["", "ap", "eu", "na", "sa"]),
        st.sampled_from(["k", "l"]),
        st.sampled_from(["start", "start", "stop"]),
        st.integers(-9, 9),
        st.integers(0, 1439),
    ),
    min_size=1,
    max_size=12,
)


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """A log, in which some events are taken back later."""
    log = draw(EVENTS)
    for position, event in enumerate(list(log), start=1):
        if draw(st.booleans()):
            log.append(replace(event, back=position))
    return log


def texts(column: Sequence[str]) -> TextColumn:
    values = sorted(set(column) - {""})
    return TextColumn(values, np.array([values.index(text) + 1 if text else 0 for text in column], dtype=np.uint32))


def segment(log: Sequence[Event], position: int) -> LogSegment:
    """One entry of a log."""
    event = log[position - 1]
    columns = EventColumns(
        ids=[f"id-{event.back or position:02}"],
        times_us=np.array([microseconds_of(START + timedelta(minutes=event.minute))], dtype=np.int64),
        texts={"source": texts(["s"]), "type": texts(["call"]), "customer": texts(["c"])},
        properties={
            "region": texts([event.region]),
            "key": texts([event.key]),
            "phase": texts([event.phase]),
            "value": texts([str(event.value)]),
        },
    )
    return LogSegment("acme", 0, position, columns, -1 if event.back else 1, (event.back,) if event.back else ())


def kept(one: CountingMeter, log: Sequence[Event], groups_max: int, ends: Sequence[int]) -> Kept:
    """Fold a log in batches that end so."""
    store = Kept(groups_max)
    for first, end in zip([0, *ends], [*ends, len(log)], strict=True):
        if first < end:
            store.add(one, [segment(log, position) for position in range(first + 1, end + 1)])
    return store


def quantities(one: CountingMeter, windows: Sequence[Windows], group_by: tuple[str, ...]) -> dict[str, tuple[Any, int]]:
    plan = plan_query(UsageQuery("m", (), DAY, group_by=group_by), [one], DAY.end)
    return {row.key.group: (row.quantity, row.event_count) for row in counted_rows(plan, {1: windows})}


@given(logs(), st.integers(0, 4), st.data())
def test_the_first_groups_are_told_apart_and_a_void_lands_where_its_event_did(
    log: list[Event], groups_max: int, data: st.DataObject
) -> None:
    ends = sorted(data.draw(st.sets(st.integers(1, len(log)))))
    told_apart = list(dict.fromkeys(event.region for event in log))[:groups_max]
    sums: dict[str, Fraction] = {}
    counts: dict[str, int] = {}
    for event in log:
        group = group_key([event.region]) if event.region in told_apart else OTHER_GROUP
        sums[group] = sums.get(group, Fraction(0)) + Fraction(event.value) * (-1 if event.back else 1)
        counts[group] = counts.get(group, 0) + (-1 if event.back else 1)
    expected = {group: (sums[group], count) for group, count in counts.items() if count}

    found = quantities(meter(BY_NAME["SUM"]), kept(meter(BY_NAME["SUM"]), log, groups_max, ends).parts, ("region",))

    assert {group: (Fraction(quantity), count) for group, (quantity, count) in found.items()} == expected


@given(logs(), st.integers(0, 4), st.sampled_from(METERS), st.data())
def test_the_whole_is_the_same_however_few_groups_are_told_apart(
    log: list[Event], groups_max: int, one: CountingMeter, data: st.DataObject
) -> None:
    limited = kept(one, log, groups_max, sorted(data.draw(st.sets(st.integers(1, len(log))))))
    unlimited = kept(one, log, 5, ())

    assert quantities(one, limited.parts, ()) == quantities(one, unlimited.parts, ())
    own = quantities(one, unlimited.parts, ("region",))
    for group, quantity in quantities(one, limited.parts, ("region",)).items():
        assert group == OTHER_GROUP or own[group] == quantity


def test_readings_of_groups_that_are_not_told_apart_each_go_on_alone() -> None:
    one = meter(BY_NAME["WEIGHTED_SUM"])
    log = [
        Event(region, "k", "start", value, minute)
        for region, value, minute in (("a", 5, 0), ("b", 7, 60), ("c", 9, 120))
    ]

    found = quantities(one, kept(one, log, 1, (2,)).parts, ("region",))

    expected = {group_key(["a"]): (5 * 86_400, 1), OTHER_GROUP: (7 * 82_800 + 9 * 79_200, 2)}
    assert found == expected


@given(logs(), st.integers(0, 4), st.sampled_from(METERS))
def test_the_log_read_once_more_comes_to_the_same_windows(
    log: list[Event], groups_max: int, one: CountingMeter
) -> None:
    store = kept(one, log, groups_max, range(1, len(log)))
    full = {} if store.full_since is None else {1: ToldApart(frozenset(store.hashes))}
    again = TenantFold([segment(log, position) for position in range(1, len(log) + 1)], [one])

    parts = [part.fold.windows for _, found in recount(again, {}, {}, full) for part in found.parts]

    read, stored = merged(parts), merged(store.parts)
    assert (read.groups.texts(), read.event_counts.tolist()) == (stored.groups.texts(), stored.event_counts.tolist())
    assert (read.entries.texts.texts(), read.entries.counts.tolist()) == (
        stored.entries.texts.texts(),
        stored.entries.counts.tolist(),
    )
