"""Counts of refused events stay few, and none is lost by it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from ingest.domain.refusals import RefusalKey, RefusalTally, within_counts

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEYS = st.builds(
    RefusalKey,
    tenant=st.sampled_from(["acme", "globex"]),
    day=st.sampled_from([date(2026, 11, 26), date(2026, 11, 27)]),
    source=st.sampled_from(["a", "b", "c", ""]),
    type=st.sampled_from(["sms.sent", "call.ended"]),
    reason=st.sampled_from(["TIME_TOO_OLD", "ID_INVALID"]),
    field=st.sampled_from(["time", "id"]),
)


@given(st.dictionaries(KEYS, st.integers(1, 9)), st.sets(KEYS), st.integers(0, 5))
def test_few_counts_hold_all_events_of_each_tenant_day_and_reason(
    events: dict[RefusalKey, int], stored: set[RefusalKey], counts_max: int
) -> None:
    tallies = {key: RefusalTally(count, NOON, NOON) for key, count in events.items()}

    kept = within_counts(tallies, stored, counts_max)

    assert _sums(kept) == _sums(tallies)
    for place in {(key.tenant, key.day) for key in kept}:
        there = {key for key in stored if (key.tenant, key.day) == place}
        rows = {key for key in kept if (key.tenant, key.day) == place and not key.is_rest} | there
        assert len(rows) <= max(counts_max, len(there))


def _sums(tallies: dict[RefusalKey, RefusalTally]) -> dict[tuple[str, date, str], int]:
    sums: dict[tuple[str, date, str], int] = {}
    for key, tally in tallies.items():
        place = (key.tenant, key.day, key.reason)
        sums[place] = sums.get(place, 0) + tally.event_count
    return sums
