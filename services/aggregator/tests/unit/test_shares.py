"""The share of a tenant in the live fold."""

from __future__ import annotations

from aggregator.domain.shares import TENANT_TARGET_MS, Share

BOTH = {"acme", "beta"}


def test_who_adds_up_to_more_than_the_share_exceeds_it() -> None:
    share = Share(40)
    assert share.exceeded_by([("acme", 6), ("beta", 10), ("acme", 5)], BOTH) == {"acme"}


def test_who_is_alone_or_has_no_meters_exceeds_no_share() -> None:
    share = Share(40)
    assert share.exceeded_by([("acme", 99)], {"acme"}) == set()
    assert share.exceeded_by([("gamma", 99)], BOTH) == set()


def test_the_share_shrinks_where_events_take_long_and_grows_again_to_its_most() -> None:
    share = Share(5_000)
    assert share.events == 1_250
    for _ in range(10):
        share.took(share.events, TENANT_TARGET_MS)
    assert share.events == 5_000
    share.took(4_000, 2 * TENANT_TARGET_MS)
    assert share.events == 2_000
    share.took(100, 0)
    assert share.events == 2_000
    for _ in range(10):
        share.took(share.events, TENANT_TARGET_MS)
    assert share.events == 5_000


def test_the_share_of_the_slowest_is_still_a_hundred_events() -> None:
    share = Share(5_000)
    for _ in range(20):
        share.took(share.events, 60_000)
    assert share.events == 100
