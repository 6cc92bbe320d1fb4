"""Commitments: what the periods of a window are charged, against an oracle that looks at the whole window at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from money import currency
from rating.domain.billing_period import BillingPeriod, Schedule, period_labelled
from rating.domain.charges import MeterUsage, RatedPeriod, Terms, Usage
from rating.domain.commitments import (
    Commitment,
    CountedPeriod,
    DueCommitment,
    EarlyEnd,
    Shortfall,
    Window,
    charged,
    check_committed,
    check_kept_commitments,
    promises,
    with_counted,
)
from rating.domain.contracts import Contract
from rating.domain.cost import CostPart, rows_of_all
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.discounts import Discount
from rating.domain.plan_bounds import PlanBound, PlanBounds
from rating.domain.plans import ItemDraft, Plan, PlanDraft, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.proration import WHOLE
from rating.domain.rated_period import net_of, printed_by_item, rate_period, without_commitments
from rating.domain.soundness import is_due, is_rated_by
from rating.domain.variance import Effect, Side, variances
from rating.domain.versions import Version
from rating.store.commitments import commitment_from_document, commitment_to_document
from rating.store.documents import charge_from_document, charge_to_document
from rating.wire.commitments import commitment_from_proto, commitment_to_proto

START = date(2024, 5, 1)
SCHEDULE = Schedule(START, None, 1, "UTC")
USD = currency("USD")
PLAN = Plan(
    "USD",
    (
        PlanItem("Calls", "calls", "", Price(PerUnit(Decimal(1)))),
        PlanItem("Data", "data", "", Price(PerUnit(Decimal("0.5")))),
        PlanItem("Fee", "", "", Price(FixedFee(Decimal(10)))),
    ),
)


def window(start: str, until: str, amount: str = "1000") -> Window:
    return Window(date.fromisoformat(start), date.fromisoformat(until), Decimal(amount))


def commitment(
    *windows: Window,
    overage: str = "1",
    shortfall: Shortfall = Shortfall.BILL,
    early: EarlyEnd = EarlyEnd.DUE,
    items: tuple[str, ...] = (),
) -> Commitment:
    found = windows or (window("2024-05-01", "2024-06-01"),)
    return Commitment("Spend", found, items, Decimal(overage), shortfall, early)


def month(label: str, schedule: Schedule = SCHEDULE) -> BillingPeriod:
    period = period_labelled(schedule, label)
    assert period is not None
    return period


def due(of: Commitment, label: str = "2024-05", *others: CountedPeriod, schedule: Schedule = SCHEDULE) -> DueCommitment:
    (promise,) = promises([of], schedule, month(label, schedule), USD)
    return DueCommitment(promise, label, others)


def amount(of: DueCommitment, net: str) -> Fraction:
    return Fraction(charged(of, Decimal(net), USD).amount)


def test_published_example_of_a_window_of_one_period() -> None:
    """1,000 at 1.5: 1,400 cost 1,600; 600 cost 1,000; 600 with forfeit 600; 100 late on 600 change nothing in all."""
    of = due(commitment(overage="1.5"))

    assert amount(of, "1400") == 200
    assert amount(of, "600") == 400
    assert amount(of, "1000") == 0
    assert amount(of, "700") - amount(of, "600") == -100
    assert amount(due(commitment(overage="1.5", shortfall=Shortfall.FORFEIT)), "600") == 0
    told = [step.text for step in charged(of, Decimal(600), USD).steps]
    assert told[1] == "600 USD of 1000 USD promised from 2024-05-01 to before 2024-06-01"
    assert told[2] == "400 USD lack at its end: 400 USD more"


QUARTER = window("2024-05-01", "2024-08-01")


def counted(label: str, net: str, had: str = "0") -> CountedPeriod:
    return CountedPeriod(label, f"s-{label}", Decimal(net), Decimal(had))


def test_what_lacks_is_billed_with_the_last_period_and_what_is_beyond_when_it_happens() -> None:
    of = commitment(QUARTER, overage="1.5")

    assert amount(due(of, "2024-05"), "300") == 0
    assert amount(due(of, "2024-06", counted("2024-05", "300")), "400") == 0
    last = due(of, "2024-07", counted("2024-05", "300"), counted("2024-06", "400"))
    assert amount(last, "100") == 200
    # 1,100 in May and June: half of 100 more in June, half of July in July.
    june = due(of, "2024-06", counted("2024-05", "300"))
    assert amount(june, "800") == 50
    july = due(of, "2024-07", counted("2024-05", "300"), counted("2024-06", "800", "50"))
    assert amount(july, "20") == 10


def test_late_usage_of_an_earlier_period_takes_back_what_lacked() -> None:
    of = commitment(QUARTER)
    # July was charged 200 for what lacked of 800; 50 late in May lower that, on the adjustment of May.
    late = due(of, "2024-05", counted("2024-06", "400"), counted("2024-07", "100", "200"))

    assert late.is_closed
    assert amount(late, "350") == -50
    told = [step.text for step in charged(late, Decimal(350), USD).steps]
    assert told[-2:] == ["Less charged with other periods: 200 USD", "Amount: -50 USD"]


def oracle(of: Commitment, nets: list[Fraction], promised: Fraction, *, is_closed: bool) -> Fraction:
    """Say what a whole window is charged, in whole cents."""
    progress = sum(nets, Fraction(0))
    more = max(progress - promised, Fraction(0)) * (Fraction(of.overage) - 1)
    cents = (2 * more.numerator * 100 + more.denominator) // (2 * more.denominator)
    lacking = max(promised - progress, Fraction(0)) if is_closed and of.shortfall is Shortfall.BILL else Fraction(0)
    return Fraction(cents, 100) + lacking


LABELS = ("2024-05", "2024-06", "2024-07")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(-20_000, 80_000)), max_size=8),
    st.tuples(*[st.integers(0, 80_000)] * 3),
    st.decimals("1", "3", places=3),
    st.sampled_from(Shortfall),
    st.integers(1, 150_000),
)
def test_the_charges_of_a_window_add_up_to_what_its_progress_costs(
    late: list[tuple[int, int]], first: tuple[int, ...], overage: Decimal, shortfall: Shortfall, promised: int
) -> None:
    """Periods are rated in their order, and again in any order whenever usage comes late, or is taken back."""
    amounts = Decimal(promised).scaleb(-2)
    of = Commitment("Spend", (replace(QUARTER, amount=amounts),), (), overage, shortfall)
    nets: dict[str, int] = {}
    had: dict[str, Decimal] = {}

    def rate_again(label: str) -> None:
        others = [CountedPeriod(one, "s", Decimal(nets[one]).scaleb(-2), had[one]) for one in nets if one != label]
        had[label] = Decimal(str(charged(due(of, label, *others), Decimal(nets[label]).scaleb(-2), USD).amount))
        whole = oracle(
            of, [Fraction(net, 100) for net in nets.values()], Fraction(amounts), is_closed=LABELS[-1] in nets
        )
        assert sum(map(Fraction, had.values())) == whole

    for label, net in zip(LABELS, first, strict=True):
        nets[label] = net
        rate_again(label)
    for place, change in late:
        nets[LABELS[place]] = max(nets[LABELS[place]] + change, 0)
        rate_again(LABELS[place])


def test_periods_that_are_not_rated_permanently_count_as_they_are() -> None:
    of = due(commitment(QUARTER, overage="2"), "2024-07", counted("2024-05", "900"))
    filled = with_counted(of, {"2024-06": Decimal(300), "2024-01": Decimal(5)}, USD)

    # June is to be charged 200 for what is beyond the promise; July its own 50.
    assert filled.others[1:] == (CountedPeriod("2024-06", "", Decimal(300), Decimal(200)),)
    assert amount(filled, "50") == 50


ENDS = replace(SCHEDULE, end=date(2024, 6, 16))


@pytest.mark.parametrize(
    ("early", "expected"),
    [
        (EarlyEnd.DUE, Fraction(500)),
        # 46 of 92 days.
        (EarlyEnd.PRORATE, Fraction(0)),
        (EarlyEnd.WAIVE, Fraction(0)),
    ],
)
def test_a_contract_that_ends_inside_a_window(early: EarlyEnd, expected: Fraction) -> None:
    of = due(commitment(QUARTER, early=early), "2024-06", counted("2024-05", "300"), schedule=ENDS)

    assert of.promise.last == "2024-06"
    assert amount(of, "200") == expected
    if early is EarlyEnd.PRORATE:
        assert of.promise.amount == 500
        assert amount(of, "150") == 50


def terms(label: str, *commitments: DueCommitment, discounts: tuple[Discount, ...] = (), plan: Plan = PLAN) -> Terms:
    period = month(label)
    return Terms(
        "c", "k", period, "UTC", Version("p", 1, period.start, plan), discounts=discounts, commitments=commitments
    )


def rated(of: Terms, calls: int, data: int = 0) -> RatedPeriod:
    used = {"calls": MeterUsage(Decimal(calls), "call", 1), "data": MeterUsage(Decimal(data), "GB", 1)}
    return rate_period(of, Usage(used, AsOf("e", {}), "s"))


def printed(period: RatedPeriod) -> dict[str, Fraction]:
    return {item: Fraction(value) for item, value in printed_by_item(period.charges, "USD").items()}


def test_a_commitment_comes_last_and_sees_what_bounds_and_discounts_left() -> None:
    tenth = Discount("Tenth", Decimal(10), None, (), START, None)
    plan = replace(PLAN, bounds=PlanBounds(PlanBound(Decimal(100))))
    period = rated(terms("2024-05", due(commitment()), discounts=(tenth,), plan=plan), 50)

    # 50 and 10 are lifted to 100, less a tenth: 90 of 1,000.
    assert list(printed(period)) == ["Calls", "Data", "Fee", "Plan minimum", "Discount: Tenth", "Commitment: Spend"]
    assert printed(period)["Commitment: Spend"] == 910


def test_only_covered_items_count_with_their_share_of_discounts() -> None:
    of_all = Discount("Off", None, Decimal(30), (), START, None)
    period = rated(terms("2024-05", due(commitment(items=("Calls",))), discounts=(of_all,)), 50)

    # 30 off 60: the calls bear 25.
    assert printed(period)["Commitment: Spend"] == 975
    assert net_of(period.charges, ("Calls",), (of_all,), PLAN) == 25
    assert net_of(period.charges, (), (of_all,), PLAN) == 30


def test_charges_are_kept_only_while_what_they_follow_from_is_the_same() -> None:
    of = commitment(QUARTER)
    june = terms("2024-06", due(of, "2024-06", counted("2024-05", "300")))
    period = rated(june, 50)

    assert is_rated_by(period, june)
    assert not is_rated_by(period, terms("2024-06"))
    assert not is_rated_by(replace(period, charges=without_commitments(period.charges)), june)
    assert not is_rated_by(period, terms("2024-06", due(of, "2024-06", counted("2024-05", "300", "1"))))
    again = replace(counted("2024-05", "300"), snapshot_id="later")
    assert not is_rated_by(period, terms("2024-06", due(of, "2024-06", again)))
    assert is_due(period.charges[-1], june.commitments[0], period, (), PLAN)
    wrong = due(of, "2024-06", counted("2024-05", "300", "2"))
    assert not is_due(period.charges[-1], wrong, period, (), PLAN)
    assert charge_from_document(charge_to_document(period.charges[-1])) == period.charges[-1]


def test_cost_over_time_and_variance_have_commitments() -> None:
    of = terms("2024-05", due(commitment()))
    windows = cost_windows(of.period, "UTC", WindowSize.DAY, None)
    rows = rows_of_all([], of, windows, USD)
    assert [(row.item, row.part, int(row.amount)) for row in rows] == [("Commitment: Spend", CostPart.COMMITMENT, 1000)]
    sides = [Side(one.charges, one.charges, PLAN, WHOLE) for one in (rated(of, 0), rated(of, 20))]
    found = variances(sides[0], sides[1], PLAN, USD)
    effects = {one.item: {each.effect: each.exact for each in one.effects} for one in found}
    assert effects["Commitment: Spend"] == {Effect.COMMITMENT: -20}


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        (replace(commitment(), name=""), "commitments[0].name", "name it"),
        (replace(commitment(), windows=()), "commitments[0].schedule", "how much is promised"),
        (commitment(overage="0.9"), "commitments[0].overage", "1 or more"),
        (commitment(items=("a", "a")), "commitments[0].items", "twice"),
        (commitment(window("2024-05-01", "2024-06-01", "0")), "commitments[0].schedule[0].amount", "above 0"),
        (commitment(window("2024-04-01", "2024-06-01")), "commitments[0].schedule[0].start", "starts on 2024-05-01"),
        (commitment(window("2024-06-01", "2024-06-01")), "commitments[0].schedule[0].until", "later than 2024-06-01"),
        (
            commitment(window("2024-05-01", "2024-06-15")),
            "commitments[0].schedule[0].until",
            "take 2024-06-01 or 2024-07-01",
        ),
        (
            commitment(window("2024-05-01", "2024-07-01"), window("2024-06-01", "2024-08-01")),
            "commitments[0].schedule",
            "overlap",
        ),
        (commitment(window("2024-05-01", "2029-06-01")), "commitments[0].schedule[0].until", "may hold 60"),
    ],
)
def test_what_is_no_commitment_is_refused(wrong: Commitment, field: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        Contract("k", "plan", None, SCHEDULE, commitments=(wrong,))

    assert refused.value.field == field


def test_two_of_equal_scope_may_not_overlap() -> None:
    one, other = commitment(), replace(commitment(QUARTER), name="Other")
    with pytest.raises(Refused, match="covers what 'Spend' covers, at the same time"):
        Contract("k", "plan", None, SCHEDULE, commitments=(one, other))
    assert Contract("k", "plan", None, SCHEDULE, commitments=(one, replace(other, items=("Calls",)))).commitments
    with pytest.raises(Refused, match="stands twice"):
        Contract("k", "plan", None, SCHEDULE, commitments=(one, replace(other, name="Spend", items=("Calls",))))


def test_a_commitment_is_of_items_that_the_plan_has_in_amounts_that_can_be_paid() -> None:
    with pytest.raises(Refused, match="no item 'Call'"):
        check_committed([commitment(items=("Call",))], [PLAN], USD)
    with pytest.raises(Refused, match="at most 2 decimals in USD"):
        check_committed([None, commitment(window("2024-05-01", "2024-06-01", "1.005"))], [PLAN], USD)
    with pytest.raises(Refused, match="lines of commitments do"):
        PlanDraft("USD", (ItemDraft("Commitment: Spend", "m", "", Price(PerUnit(Decimal(1)))),))


def test_a_period_that_is_rated_permanently_keeps_its_commitments_and_its_place() -> None:
    may, of = month("2024-05"), commitment(QUARTER)
    had = (SCHEDULE, [of])

    check_kept_commitments([may], had, had)
    # The contract may end inside the window, as long as what lacks can still be billed.
    check_kept_commitments([may], had, (ENDS, [of]))
    at_may = replace(SCHEDULE, end=date(2024, 6, 1))
    for after in ((SCHEDULE, []), (SCHEDULE, [replace(of, overage=Decimal(2))]), (at_may, [of])):
        with pytest.raises(Refused, match="2024-05 is already rated permanently, and keeps its commitments"):
            check_kept_commitments([may], had, after)
    waived = [replace(of, on_early_end=EarlyEnd.WAIVE)]
    check_kept_commitments([may], (SCHEDULE, waived), (at_may, waived))


@pytest.mark.parametrize(
    "of",
    [
        commitment(),
        commitment(QUARTER, overage="1.5", items=("Calls",), early=EarlyEnd.PRORATE),
        commitment(QUARTER, window("2024-08-01", "2024-09-01"), shortfall=Shortfall.FORFEIT, early=EarlyEnd.WAIVE),
    ],
)
def test_commitments_come_back_as_they_went(of: Commitment) -> None:
    assert commitment_from_document(commitment_to_document(of)) == of
    assert commitment_from_proto(commitment_to_proto(of)) == of
