"""Which findings about prices the seller's catalog page shows, and in which order."""

from __future__ import annotations

from portal.domain.price_lint import Level, PriceFinding, worst_first


def finding(level: Level, message: str) -> PriceFinding:
    """A finding that its message tells from others."""
    return PriceFinding(level=level, code="odd", plan=None, item=None, meter=None, quantity=None, message=message)


def test_the_worst_come_first_and_stay_in_their_order_and_the_rest_is_counted() -> None:
    found = [finding("info", "a"), finding("error", "b"), finding("warning", "c"), finding("error", "d")]

    shown = worst_first(found, 3)

    assert [one.message for one in shown.findings] == ["b", "d", "c"]
    assert shown.finding_count == len(found)


def test_nothing_odd_is_an_empty_answer() -> None:
    shown = worst_first([], 3)

    assert (shown.findings, shown.finding_count) == ((), 0)
