"""What happens while an entitlement is read is not lost: what is kept is never taken for fresher than it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from eventlog.as_of import AsOf
from rating.domain.allowance import Allowance, FeaturePeriod, Stretch
from rating.domain.billing_period import BillingPeriod
from rating.domain.entitlements import Counted, Entitled, Verdict
from rating.domain.features import Feature
from rating.domain.heard import KEPT_S, Heard
from rating.domain.remembered import ASKED_S, EntitlementKey, Remembered, RememberedEntitlements

KEY = EntitlementKey("acme", "UA", "calls")
START = datetime(2026, 1, 1, tzinfo=UTC)
CALLS = Feature("calls", meter="calls")
PERIOD = BillingPeriod("2026-01", START, START + timedelta(days=31))


def entitled(*, looks_back: bool = False, seen_s: float = 5.0) -> Remembered:
    stretch = Stretch(FeaturePeriod(PERIOD, CALLS), PERIOD.start, PERIOD.end, ())
    counted = Counted(Decimal(7), "call", AsOf(), seen_s, adds_up=True)
    return Remembered(Entitled("UA-1", CALLS, Allowance(stretch, ()), counted, looks_back=looks_back), 5.0, 5.0)


def following(since_s: float = 0.0) -> RememberedEntitlements:
    memory = RememberedEntitlements()
    memory.clear(since_s)
    return memory


def kept_in(memory: RememberedEntitlements, entry: Remembered) -> Remembered:
    with memory.reading(KEY) as reading:
        memory.keep(reading, entry)
    return entry


def test_a_change_during_the_reading_is_told_of_what_was_read() -> None:
    memory = RememberedEntitlements()
    with memory.reading(KEY) as reading:
        memory.changed("acme", "UA", Heard(6.0, START))
        memory.keep(reading, entitled())

    kept = memory.find(KEY)
    assert kept is not None
    assert kept.has_changed


@pytest.mark.parametrize(("since", "is_read_whole"), [(START - timedelta(days=1), True), (START, False)])
def test_a_change_of_earlier_usage_has_all_of_it_read_again(since: datetime, is_read_whole: bool) -> None:
    memory = RememberedEntitlements()
    with memory.reading(KEY) as during:
        memory.changed("acme", "UA", Heard(6.0, START + timedelta(days=2)))
        memory.changed("acme", "UA", Heard(6.5, since))
        memory.keep(during, entitled(looks_back=True))
    kept = memory.find(KEY)
    assert kept is not None
    assert (kept.terms_read_s < 0) == is_read_whole


@pytest.mark.parametrize(
    ("forget", "is_kept"),
    [
        (lambda memory: memory.clear(4.0), False),
        (lambda memory: memory.drop_tenant("acme"), False),
        (lambda memory: memory.drop_customer("acme", "UA"), False),
        (lambda memory: memory.drop_tenant("another"), True),
        (lambda memory: memory.drop_customer("acme", "AA"), True),
        (lambda memory: memory.changed("acme", "AA", Heard(6.0, START)), True),
    ],
)
def test_what_was_read_before_terms_changed_is_not_kept(forget: object, is_kept: bool) -> None:
    memory = RememberedEntitlements()
    with memory.reading(KEY) as reading:
        forget(memory)  # type: ignore[operator]
        memory.keep(reading, entitled())

    kept = memory.find(KEY)
    assert (kept is not None) == is_kept
    assert kept is None or not kept.has_changed


def test_what_was_asked_for_least_recently_goes_first() -> None:
    memory = RememberedEntitlements(entries_max=2)
    for name in ("one", "two"):
        with memory.reading(KEY._replace(feature=name)) as reading:
            memory.keep(reading, Remembered(Verdict.NO_FEATURE, 0.0, 0.0))
    memory.find(KEY._replace(feature="one"))
    with memory.reading(KEY) as reading:
        memory.keep(reading, entitled())

    found = [memory.find(KEY._replace(feature=name)) is not None for name in ("one", "two", "calls")]
    assert (found, len(memory)) == ([True, False, True], 2)


def test_what_is_due_is_taken_once_of_one_tenant_in_the_order_in_which_it_was_asked_for() -> None:
    memory = RememberedEntitlements()
    own = [EntitlementKey("acme", f"customer-{number}", "calls") for number in range(5)]
    other = EntitlementKey("zebra", "customer-0", "calls")
    for key in (own[3], own[0], other, own[3], own[1]):
        memory.ask_again(key, 1.0)
    memory.ask_again(own[4], 3.0)

    assert memory.take_due(2, 2.0) == [own[3], own[0]]
    assert memory.take_due(2, 2.0) == [other]
    assert memory.take_due(2, 2.0) == [own[1]]
    assert memory.take_due(2, 2.0) == []
    assert memory.take_due(2, 3.0) == [own[4]]


@pytest.mark.parametrize(("seen_s", "is_in"), [(5.9, False), (6.0, True)])
def test_what_was_counted_before_a_change_that_was_heard_is_not_taken_for_fresh(seen_s: float, is_in: bool) -> None:
    # The aggregator's memory may be behind its change feed: the reading begins later, and its answer has it not.
    memory = following()
    memory.changed("acme", "UA", Heard(6.0, START))

    assert kept_in(memory, entitled(seen_s=seen_s)).has_changed is not is_in


@pytest.mark.parametrize("seen_s", [3.9, 4.0])
def test_what_was_counted_before_changes_were_followed_is_counted_again(seen_s: float) -> None:
    assert kept_in(following(4.0), entitled(seen_s=seen_s)).has_changed is (seen_s < 4.0)


def test_changes_are_known_for_some_seconds_and_what_is_older_counts_as_changed() -> None:
    memory = following()
    memory.changed("acme", "UA", Heard(1.0, START))
    memory.changed("acme", "AA", Heard(KEPT_S + 2, START))
    assert kept_in(memory, entitled(seen_s=0.5)).has_changed
    memory.changed("acme", "AA", Heard(2 * KEPT_S + 4, START))

    assert kept_in(memory, entitled(seen_s=0.5)).has_changed
    assert not kept_in(memory, entitled(seen_s=KEPT_S + 3)).has_changed


def test_a_change_leaves_what_was_right_until_then_as_fresh_as_it_was() -> None:
    memory = following()
    entry = kept_in(memory, entitled())
    memory.followed_s = 9.0
    memory.changed("acme", "UA", Heard(9.5, START))
    memory.followed_s = 11.0
    memory.changed("acme", "UA", Heard(11.5, START))

    assert isinstance(entry.found, Entitled)
    assert entry.found.counted is not None
    assert (entry.found.counted.seen_s, entry.has_changed) == (9.0, True)


@pytest.mark.parametrize(("heard_s", "is_due"), [(5.0 + ASKED_S, True), (5.1 + ASKED_S, False)])
def test_what_was_asked_for_lately_is_counted_again_before_anybody_asks(heard_s: float, is_due: bool) -> None:
    memory = following()
    kept_in(memory, entitled()).asked_s = 5.0
    memory.changed("acme", "UA", Heard(heard_s, START))

    assert memory.take_due(10, heard_s) == ([KEY] if is_due else [])
