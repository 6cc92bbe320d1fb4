"""Reservations: who uses only what is held never overshoots, whatever the order of what happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from eventlog.as_of import AsOf
from rating.domain.allowance import FeaturePeriod, allowance, stretches
from rating.domain.billing_period import BillingPeriod
from rating.domain.entitlements import Counted, Entitled, Verdict, admission
from rating.domain.features import Feature
from rating.domain.reservations import LINGER_S, Outcome, Reservation, ReservationState

NOW = datetime(2026, 1, 10, tzinfo=UTC)
LIMIT = Decimal(20)
CALLS = Feature("calls", meter="calls", limit=LIMIT)
PERIOD = BillingPeriod("2026-01", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))


def entitled(used: Decimal, position: int, reservations: list[Reservation], feature: Feature = CALLS) -> Entitled:
    of = allowance(stretches([FeaturePeriod(PERIOD, feature)], [], "UTC"), [], "UTC")
    counted = Counted(used, "call", AsOf("log", {0: position}), 0.0, adds_up=True)
    return Entitled("UA-1", feature, of, counted, reservations)


def reservation(quantity: Decimal, name: str = "r") -> Reservation:
    return Reservation(name, "UA", "calls", quantity, quantity, is_partial=False, ttl_s=60, made_at=NOW)


def test_a_hold_ends_with_its_time() -> None:
    held = reservation(Decimal(5))
    before, after = held.expires_at - timedelta(microseconds=1), held.expires_at

    assert (held.held(AsOf(), before), held.state(before)) == (Decimal(5), ReservationState.HELD)
    assert (held.held(AsOf(), after), held.state(after)) == (Decimal(0), ReservationState.EXPIRED)


def test_what_is_settled_is_held_until_its_event_is_counted() -> None:
    reported = AsOf("log", {0: 7})
    settled = replace(reservation(Decimal(5)), outcome=Outcome(Decimal(8), NOW, reported))
    long_after = NOW + timedelta(hours=2)

    assert settled.held(AsOf("log", {0: 6}), long_after) == 8
    assert settled.held(AsOf("log", {0: 7}), long_after) == 0
    assert settled.held(AsOf("another", {0: 9}), NOW) == 8


def test_what_is_settled_without_a_place_lingers() -> None:
    settled = replace(reservation(Decimal(5)), outcome=Outcome(Decimal(3), NOW))

    assert settled.held(AsOf(), NOW + timedelta(seconds=LINGER_S - 1)) == 3
    assert settled.held(AsOf(), NOW + timedelta(seconds=LINGER_S)) == 0


def test_more_than_is_left_is_denied_or_taken_in_part() -> None:
    """The example of D1: limit 100, used 90, 6 held: 5 more are denied, 4 of them can be had."""
    calls = replace(CALLS, limit=Decimal(100))
    stands = entitled(Decimal(90), 1, [reservation(Decimal(6))], calls).standing(NOW)

    assert admission(calls, stands, Decimal(5)).verdict is Verdict.LIMIT_REACHED
    assert admission(calls, stands, Decimal(5), takes_part=True).quantity == 4
    assert admission(replace(calls, is_soft=True), stands, Decimal(5)).verdict is Verdict.ALLOWED_BEYOND_LIMIT
    settled = replace(reservation(Decimal(4)), outcome=Outcome(Decimal(7), NOW))
    assert entitled(Decimal(96), 1, [settled], calls).standing(NOW).beyond == 3


STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "settle", "release", "report", "count"]), st.integers(1, 9)), max_size=40
)


@given(STEPS)
def test_holds_alone_never_overshoot(steps: list[tuple[str, int]]) -> None:
    held: list[Reservation] = []
    log: list[Decimal] = []
    counted = 0
    for number, (step, size) in enumerate(steps):
        open_ones = [place for place, one in enumerate(held) if one.outcome is None]
        if step == "reserve":
            stands = entitled(sum(log[:counted], Decimal(0)), counted, held).standing(NOW)
            decided = admission(CALLS, stands, Decimal(size), takes_part=size % 2 == 0)
            if decided.verdict.allows:
                held.append(reservation(decided.quantity, f"r{number}"))
        elif step == "settle" and open_ones:
            place = open_ones[size % len(open_ones)]
            used = min(held[place].quantity, Decimal(size))
            log.append(used)
            held[place] = replace(held[place], outcome=Outcome(used, NOW, AsOf("log", {0: len(log)})))
        elif step == "release" and open_ones:
            place = open_ones[size % len(open_ones)]
            held[place] = replace(held[place], outcome=Outcome(None, NOW))
        elif step == "count":
            counted = min(len(log), counted + size)
    assert sum(log, Decimal(0)) <= LIMIT
