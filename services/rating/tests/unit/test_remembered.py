"""What happens while an entitlement is read is not lost: what is kept is never taken for fresher than it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rating.domain.allowance import Allowance, FeaturePeriod, Stretch
from rating.domain.billing_period import BillingPeriod
from rating.domain.entitlements import Entitled, Verdict
from rating.domain.features import Feature
from rating.domain.remembered import EntitlementKey, Remembered, RememberedEntitlements

KEY = EntitlementKey("acme", "UA", "calls")
START = datetime(2026, 1, 1, tzinfo=UTC)
CALLS = Feature("calls", meter="calls")
PERIOD = BillingPeriod("2026-01", START, START + timedelta(days=31))


def entitled(*, looks_back: bool = False) -> Remembered:
    stretch = Stretch(FeaturePeriod(PERIOD, CALLS), PERIOD.start, PERIOD.end, ())
    return Remembered(Entitled("UA-1", CALLS, Allowance(stretch, ()), None, looks_back=looks_back), 5.0, 5.0)


def test_a_change_during_the_reading_is_told_of_what_was_read() -> None:
    memory = RememberedEntitlements()
    with memory.reading(KEY) as reading:
        memory.changed("acme", "UA", START)
        memory.keep(reading, entitled())

    kept = memory.find(KEY)
    assert kept is not None
    assert kept.has_changed


@pytest.mark.parametrize(("since", "is_read_whole"), [(START - timedelta(days=1), True), (START, False)])
def test_a_change_of_earlier_usage_has_all_of_it_read_again(since: datetime, is_read_whole: bool) -> None:
    memory = RememberedEntitlements()
    with memory.reading(KEY) as during:
        memory.changed("acme", "UA", START + timedelta(days=2))
        memory.changed("acme", "UA", since)
        memory.keep(during, entitled(looks_back=True))
    kept = memory.find(KEY)
    assert kept is not None
    assert (kept.terms_read_s < 0) == is_read_whole


@pytest.mark.parametrize(
    ("forget", "is_kept"),
    [
        (lambda memory: memory.clear(), False),
        (lambda memory: memory.drop_tenant("acme"), False),
        (lambda memory: memory.drop_customer("acme", "UA"), False),
        (lambda memory: memory.drop_tenant("another"), True),
        (lambda memory: memory.drop_customer("acme", "AA"), True),
        (lambda memory: memory.changed("acme", "AA", START), True),
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
        memory.ask_again(key)

    assert memory.take_due(2) == [own[3], own[0]]
    assert memory.take_due(2) == [other]
    assert memory.take_due(2) == [own[1]]
    assert memory.take_due(2) == []
