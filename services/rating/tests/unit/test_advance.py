"""Fees in advance: whatever becomes of a contract, all invoices together charge what fees in arrears cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from money import currency, round_to_minor_unit
from rating.domain.advance import is_ahead, taken_off
from rating.domain.billed import Billed
from rating.domain.billing_period import Schedule, labels_from, period_after, period_labelled
from rating.domain.charges import RatedPeriod, Terms, Usage
from rating.domain.fees import Billing, Once
from rating.domain.pauses import Pause
from rating.domain.plans import ItemDraft, Plan, PlanDraft, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.proration import DayShare, Proration, day_share
from rating.domain.rated_period import fees_ahead, in_advance, rate_period, settled_of
from rating.domain.segments import Segment
from rating.domain.soundness import is_rated_by, is_sound
from rating.domain.versions import Version
from rating.store.documents import charge_from_document, charge_to_document, item_from_document, item_to_document

ZONE = "Europe/Vienna"
START = date(2024, 1, 20)


def fee(amount: str, name: str = "Base", proration: Proration = Proration.DAY) -> PlanItem:
    return PlanItem(name, "", "", Price(FixedFee(Decimal(amount))), proration, billing=Billing.ADVANCE)


def own_terms(plan: Plan, schedule: Schedule, label: str, pauses: tuple[Pause, ...]) -> Terms:
    period = period_labelled(schedule, label)
    assert period is not None
    version = Version("p", 1, datetime(2024, 1, 1, tzinfo=UTC), plan)
    return Terms("c", "k", period, ZONE, version, share=day_share(schedule, label, pauses))


def rated(
    plan: Plan, schedule: Schedule, label: str, pauses: tuple[Pause, ...], before: RatedPeriod | None
) -> tuple[Terms, RatedPeriod]:
    """Rate a period after the one before it, as it was rated permanently; None: it is the first."""
    ahead = () if before is None else [one for one in in_advance(before.charges) if is_ahead(one, before.period)]
    following = period_after(schedule, label)
    fees = () if following is None else fees_ahead(own_terms(plan, schedule, following.label, pauses))
    terms = replace(own_terms(plan, schedule, label, pauses), advance=(*taken_off(ahead, "EUR"), *fees))
    return terms, rate_period(terms, Usage({}, AsOf("", {})))


def printed(amount: Fraction) -> Fraction:
    """Cents, half away from zero; no amount here is below zero."""
    return Fraction((2 * amount.numerator * 100 + amount.denominator) // (2 * amount.denominator), 100)


def lines(period: RatedPeriod) -> list[tuple[str, Fraction]]:
    hidden, unit = settled_of(period.charges), currency("EUR")
    return [
        (one.item, Fraction(round_to_minor_unit(one.derivation.amount, unit)))
        for one in period.charges
        if one.item not in hidden
    ]


@given(
    st.decimals("0", "1000", places=2),
    st.sampled_from(Proration),
    st.lists(st.tuples(st.sampled_from(["go on", "pause", "end"]), st.integers(1, 70)), min_size=2, max_size=5),
)
@settings(max_examples=80, deadline=None)
def test_all_invoices_together_charge_what_the_days_cost(
    amount: Decimal, proration: Proration, facts: list[tuple[str, int]]
) -> None:
    """Before each invoice something happens, on a day that no invoice before it has billed in arrears."""
    plan, end, paused = Plan("EUR", (fee(str(amount), proration=proration),)), date(2024, 8, 10), set[date]()
    before: RatedPeriod | None = None
    billed, cost = Fraction(0), Fraction(0)
    for number, label in enumerate(labels_from(Schedule(START, date(2024, 8, 10), 1, ZONE), START)):
        begins = max(START, date.fromisoformat(f"{label}-01"))
        if begins >= end:
            break
        what, days = facts[number % len(facts)]
        if what == "end":
            # At least a day of a period that is billed in advance is left.
            end = min(end, begins + timedelta(days=days))
        if what == "pause":
            paused |= {begins + timedelta(days=day) for day in range(days // 2, days)}
        pauses = tuple(Pause(day, day + timedelta(days=1)) for day in sorted(paused))
        terms, now = rated(plan, Schedule(START, end, 1, ZONE), label, pauses, before)
        billed += sum(one for _, one in lines(now))
        assert is_rated_by(now, terms)

        # Days counted one by one, by the calendar alone.
        first = date.fromisoformat(f"{label}-01")
        after = (first + timedelta(days=31)).replace(day=1)
        had = [first + timedelta(days=day) for day in range((after - first).days)]
        paid = sum(1 for day in had if START <= day < end and day not in paused)
        share = Fraction(paid, len(had)) if proration is Proration.DAY else Fraction(bool(paid))
        cost += printed(Fraction(amount) * share)
        before = now
    assert billed == cost


def test_the_published_example() -> None:
    plan = Plan("EUR", (fee("29.99"), fee("10", "Line", Proration.NONE)))
    _, january = rated(plan, Schedule(date(2024, 1, 1), None, 1, ZONE), "2024-01", (), None)
    in_march = Schedule(date(2024, 1, 1), date(2024, 3, 18), 1, ZONE)
    _, february = rated(plan, in_march, "2024-02", (), january)
    cut = replace(february, charges=rated(plan, replace(in_march, end=None), "2024-02", (), january)[1].charges)
    terms, march = rated(plan, in_march, "2024-03", (), cut)

    ahead = [("Base (2024-02-01 to 2024-02-29)", Fraction("29.99")), ("Line (2024-02-01 to 2024-02-29)", Fraction(10))]
    assert lines(january) == [("Base", Fraction("29.99")), ("Line", Fraction(10)), *ahead]
    # All of February was billed in January; the whole of March is known to have 17 days by then.
    assert lines(february) == [
        ("Base (2024-03-01 to 2024-03-17)", Fraction("16.45")),
        ("Line (2024-03-01 to 2024-03-17)", Fraction(10)),
    ]
    assert lines(march) == [
        ("Base", Fraction("16.45")),
        ("Billed in advance: Base (2024-03-01 to 2024-03-31)", Fraction("-29.99")),
    ]
    for charge in (*january.charges, *march.charges):
        item = plan.items[charge.plan_item == "Line"]
        assert is_sound(charge, item, "EUR")
        assert is_sound(replace(charge, derivation=replace(charge.derivation, amount=Decimal(7))), item, "EUR") is False
        assert charge_from_document(charge_to_document(charge)) == charge
    assert is_rated_by(march, replace(terms, advance=())) is False
    items = {one.item: (one.quantity, one.derivation.amount) for one in march.charges if one.plan_item == "Base"}
    assert Billed("s", "p", 1, items).difference(march) == ""
    assert "but nothing was billed" in Billed("s", "p", 1, {}).difference(march)


def test_a_fee_that_was_billed_otherwise_is_told_beside_what_takes_it_off() -> None:
    plan = Plan("EUR", (fee("0"),))
    schedule = Schedule(date(2024, 1, 1), None, 1, ZONE)
    _, january = rated(plan, schedule, "2024-01", (), None)
    _, february = rated(plan, schedule, "2024-02", (), january)
    _, dearer = rated(Plan("EUR", (fee("5"),)), schedule, "2024-02", (), january)

    assert [name for name, _ in lines(february)] == ["Base (2024-03-01 to 2024-03-31)"]
    assert [amount for _, amount in lines(dearer)] == [5, 0, 5]


def test_of_a_period_in_segments_each_fee_is_looked_at_by_itself() -> None:
    schedule = Schedule(date(2024, 1, 1), None, 1, ZONE)
    cheap, dear = (Plan("EUR", (fee(amount),)) for amount in ("29", "58"))

    def in_segments(first: Plan, second: Plan) -> Terms:
        whole, cut = own_terms(first, schedule, "2024-02", ()), datetime(2024, 2, 10, 23, tzinfo=UTC)
        segments = (
            Segment(whole.period.start, cut, whole.plan, DayShare(10, 29)),
            Segment(cut, whole.period.end, Version("q", 1, cut, second), DayShare(19, 29)),
        )
        return replace(whole, segments=segments)

    billed = taken_off(fees_ahead(in_segments(cheap, dear)), "EUR")
    same, other = (
        rate_period(replace(in_segments(*plans), advance=billed), Usage({}, AsOf("", {})))
        for plans in ((cheap, dear), (cheap, Plan("EUR", (fee("29.01"),))))
    )

    assert [amount for _, amount in lines(rate_period(in_segments(cheap, dear), Usage({}, AsOf("", {}))))] == [10, 38]
    assert lines(same) == []
    days = "(2024-02-11 to 2024-02-29)"
    assert [name for name, _ in lines(other)] == [f"Base {days}", f"Billed in advance: Base {days}"]


def test_what_can_not_be_billed_in_advance_is_refused() -> None:
    assert item_from_document(item_to_document(fee("1"))) == fee("1")
    with pytest.raises(Refused, match="usage is known at its end"):
        PlanItem("Calls", "calls", "", Price(PerUnit(Decimal(1))), billing=Billing.ADVANCE)
    with pytest.raises(Refused, match="a one-off fee falls once"):
        replace(fee("1", proration=Proration.NONE), once=Once.START)
    with pytest.raises(Refused, match="lines of fees that are taken off do"):
        PlanDraft("EUR", (ItemDraft("Billed in advance: x", "", "", Price(FixedFee(Decimal(1)))),))
