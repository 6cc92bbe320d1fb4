"""Gaps in numbers, against sets of numbers; tallies by source, against counting one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Reason
from eventlog.as_of import AsOf
from eventlog.columns import EventColumns, TextColumn
from ingest.domain import completeness
from ingest.domain.admission import Refusal
from ingest.domain.completeness import (
    Heard,
    HeardKey,
    NumberRange,
    NumbersCame,
    SourceTally,
    gaps_in,
    sequence_completeness,
    tally_sources,
    within_sources,
)
from ingest.domain.reports import Conflict, Verdicts

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def ranges(numbers: set[int]) -> list[NumberRange]:
    """The numbers as ranges that lie apart."""
    found: list[NumberRange] = []
    for number in sorted(numbers):
        if found and found[-1].last == number - 1:
            found[-1] = NumberRange(found[-1].first, number)
        else:
            found.append(NumberRange(number, number))
    return found


@given(st.sets(st.integers(1, 40)), st.integers(1, 40), st.integers(0, 40))
def test_gaps_are_the_numbers_that_never_came(came: set[int], first: int, length: int) -> None:
    expected = NumberRange(first, first + length - 1)

    gaps = gaps_in(expected, ranges(came))

    missing = {number for gap in gaps for number in range(gap.first, gap.last + 1)}
    assert missing == set(range(first, first + length)) - came
    assert gaps == ranges(missing)


def test_a_period_expects_what_follows_on_the_numbers_before_it() -> None:
    first = sequence_completeness(NumbersCame(None, 5, 9, [NumberRange(5, 6), NumberRange(8, 9)]))
    after = sequence_completeness(NumbersCame(9, 12, 14, [NumberRange(12, 12), NumberRange(14, 14)]))
    quiet = sequence_completeness(NumbersCame(9, None, 9, []))

    assert first is not None
    assert (first.expected, first.missing, first.gaps) == (NumberRange(5, 9), 1, [NumberRange(7, 7)])
    assert after is not None
    assert (after.expected, after.gaps) == (NumberRange(10, 14), [NumberRange(10, 11), NumberRange(13, 13)])
    assert quiet is not None
    assert (len(quiet.expected), quiet.missing) == (0, 0)
    assert sequence_completeness(NumbersCame(None, None, None)) is None


FATES = st.sampled_from(["accepted", "duplicates", "conflicts", "refused"])


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), FATES), min_size=1, max_size=30))
def test_each_event_is_tallied_once_for_its_source(events: list[tuple[str, str]]) -> None:
    names = sorted({source for source, _ in events})
    indexes = np.array([names.index(source) + 1 for source, _ in events], dtype=np.uint32)
    times = np.zeros(len(events), dtype=np.int64)
    batch = EventColumns([str(n) for n in range(len(events))], times, {"source": TextColumn(names, indexes)})
    verdicts = Verdicts(
        np.array([fate == "accepted" for _, fate in events]),
        [Conflict(n, "", "", "") for n, (_, fate) in enumerate(events) if fate == "conflicts"],
        [Refusal(n, "", "", Reason.ID_INVALID, "") for n, (_, fate) in enumerate(events) if fate == "refused"],
        AsOf(""),
    )

    tallies = tally_sources(batch, verdicts)

    for name in names:
        counts = {fate: events.count((name, fate)) for fate in ("accepted", "duplicates", "conflicts", "refused")}
        assert tallies[name] == SourceTally(**counts)


def test_more_sources_than_there_is_room_for_are_tallied_together() -> None:
    today = date(2026, 11, 27)
    heard = {HeardKey("acme", f"s-{n}", today): Heard(SourceTally(accepted=1), NOON) for n in range(5)}

    kept = within_sources(heard, {("acme", today): completeness.SOURCES_MAX - 2})

    assert sorted((key.source, one.tally.accepted) for key, one in kept.items()) == [("", 3), ("s-0", 1), ("s-1", 1)]
