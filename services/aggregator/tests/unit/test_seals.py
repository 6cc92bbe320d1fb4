"""What the digest of a snapshot is made of. The expected one is for ever: others compare with it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from aggregator.domain.aggregations import BY_NAME
from aggregator.domain.changes import ChangeKey, Changes, Span
from aggregator.domain.seals import Contents, SealKey, Snapshot, SnapshotWindow, digest_of, same_groups, same_usage
from aggregator.domain.usage import MeterUsage
from aggregator.store.windows.sealed import SealedPages
from eventlog.as_of import AsOf
from eventlog.period import Period

MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
DAY = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
KEY = SealKey("acme", "customer-ü", MARCH)
USAGE = MeterUsage("calls", (1, 2), 2, BY_NAME["SUM"], "min", Decimal("12.5"), 3, 1)
CONTENTS = Contents(
    usage=(USAGE,),
    windows=(SnapshotWindow("calls", DAY, {"region": "eu", "a": ""}, Decimal("12.5"), 3),),
    as_of=AsOf("5a1d37cd-98b1-4c0e-8f7a-0e0a1e6a8a35", {1: 7, 0: 9, 2: 0}),
)


def test_the_digest_is_of_canonical_json() -> None:
    text = (
        '{"as_of":{"epoch":"5a1d37cd-98b1-4c0e-8f7a-0e0a1e6a8a35","lanes":[[0,9],[1,7]]},'
        '"customer":"customer-ü",'
        '"period":{"end":"2026-04-01T00:00:00+00:00","start":"2026-03-01T00:00:00+00:00"},'
        '"usage":[{"aggregation":"SUM","event_count":3,"meter":"calls","newest_version":2,"parked_count":1,'
        '"quantity":"12.5","unit":"min","versions":[1,2]}],'
        '"windows":[{"end":"2026-03-02T00:00:00+00:00","event_count":3,"group":{"a":"","region":"eu"},'
        '"meter":"calls","quantity":"12.5","start":"2026-03-01T00:00:00+00:00"}]}'
    )

    assert digest_of(KEY, CONTENTS) == hashlib.sha256(text.encode()).digest()


def test_usage_is_the_same_when_quantities_and_events_are() -> None:
    snapshot = Snapshot("id", KEY, 1, None, "", CONTENTS.usage, CONTENTS.as_of, MARCH.end, b"", "")
    nothing = replace(USAGE, meter="new", quantity=Decimal(0), event_count=0)
    more = replace(USAGE, quantity=Decimal("12.6"))

    assert same_usage(snapshot, CONTENTS)
    assert same_usage(snapshot, replace(CONTENTS, usage=(USAGE, nothing)))
    assert not same_usage(snapshot, replace(CONTENTS, usage=(more,)))
    assert not same_usage(snapshot, replace(CONTENTS, usage=()))


def test_groups_are_the_same_when_each_has_as_much_on_whichever_days() -> None:
    later = Period(datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
    (window,) = CONTENTS.windows
    moved = replace(window, window=later)
    other = replace(window, group={"region": "us"})
    half = replace(window, quantity=Decimal("6.25"), event_count=1)
    rest = replace(moved, quantity=Decimal("6.25"), event_count=2)
    of_largest = replace(CONTENTS, usage=(replace(USAGE, aggregation=BY_NAME["MAX"]),), windows=(other,))

    assert same_groups((window,), CONTENTS)
    assert same_groups((moved,), CONTENTS)
    assert same_groups((half, rest), CONTENTS)
    assert same_groups((replace(window, group={"region": "eu"}),), CONTENTS)
    assert not same_groups((other,), CONTENTS)
    assert not same_groups((), CONTENTS)
    assert not same_groups((replace(window, billable=Decimal(13)),), CONTENTS)
    assert same_groups((window,), of_largest)


def test_a_point_covers_another_of_the_same_log_only() -> None:
    point = AsOf("a", {0: 5, 1: 2})

    assert point.covers(AsOf("a", {0: 5}))
    assert point.covers(AsOf("", {}))
    assert point.covers(AsOf("other", {0: 0}))
    assert not point.covers(AsOf("a", {0: 6}))
    assert not point.covers(AsOf("a", {2: 1}))
    assert not point.covers(AsOf("b", {0: 1}))


def test_changes_of_a_customer_and_meter_are_one_span() -> None:
    changes = Changes()
    for start, end in ((30, 45), (0, 15), (15, 30)):
        changes.add("acme", ChangeKey("a", "calls"), Span(start, end))
    changes.add("acme", ChangeKey("b", "calls"), Span(15, 30))

    assert changes.by_tenant == {"acme": {ChangeKey("a", "calls"): Span(0, 45), ChangeKey("b", "calls"): Span(15, 30)}}


def test_of_too_many_snapshots_the_one_is_forgotten_that_nobody_asked_for() -> None:
    sealed = SealedPages(snapshots_max=2)
    for name in ("one", "two"):
        sealed.note(name, b"pages")
    assert sealed.holds("one", b"pages")
    assert not sealed.holds("one", b"other")

    sealed.note("three", b"pages")

    assert [sealed.knows(name) for name in ("one", "two", "three")] == [True, False, True]
