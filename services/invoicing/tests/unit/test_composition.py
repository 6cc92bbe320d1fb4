"""Money is rounded once a line, and what a line says is what the total adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Internal, Reason
from eventlog.as_of import AsOf
from eventlog.period import Period
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.composition import (
    Amendment,
    ComposedLine,
    adjust,
    bill,
    compose,
    compose_closing,
    explain_amount,
)
from invoicing.domain.document import Invoice, InvoiceKind, LineKind
from invoicing.domain.lines import BilledPeriod, record_of
from money import currency, exact_arithmetic, round_to_minor_unit

ChargeMaker = Callable[..., Charge]
RatedMaker = Callable[..., Rated]

JANUARY = Period(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC))
FEBRUARY = Period(datetime(2025, 2, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC))


def billed(parts: Sequence[ComposedLine], period: Period, revision: int = 1) -> BilledPeriod:
    """What the lines, each frozen on an invoice of its own, have billed."""
    return BilledPeriod(
        contract="C-1",
        billing_period="2025-01",
        period=period,
        snapshot_id=f"snap-{revision}",
        revision=revision,
        lines=tuple(
            record_of(replace(part.line, id=f"INV-{ordinal:06d}.1"), "C-1")
            for ordinal, part in enumerate(parts, start=1)
        ),
    )


def drafted(rated: Rated, *adjustments: ComposedLine) -> Invoice:
    return compose(rated, adjustments, "Seller").draft()


@pytest.mark.parametrize(
    ("exact", "code", "printed"),
    [
        ("2.344999999999", "USD", "2.34"),
        ("2.345", "USD", "2.35"),
        ("2.355", "USD", "2.36"),
        ("-2.345", "USD", "-2.35"),
        ("-2.344999", "USD", "-2.34"),
        ("0.005", "USD", "0.01"),
        ("-0.005", "USD", "-0.01"),
        ("0.004999999999999999999999", "USD", "0.00"),
        ("-0.004", "USD", "0.00"),
        ("0", "USD", "0.00"),
        ("0.5", "JPY", "1"),
        ("1.5", "JPY", "2"),
        ("-0.5", "JPY", "-1"),
        ("1234.4999", "JPY", "1234"),
        ("1.0005", "KWD", "1.001"),
        ("1.00049", "KWD", "1.000"),
        ("-1.0005", "KWD", "-1.001"),
        ("99999999999999999999.995", "EUR", "100000000000000000000.00"),
    ],
)
def test_a_line_is_rounded_once_half_away_from_zero_to_the_minor_unit(
    charge: ChargeMaker, rated: RatedMaker, exact: str, code: str, printed: str
) -> None:
    draft = drafted(rated(charge(exact_amount=exact), currency=code))

    assert str(draft.lines[0].amount) == printed
    assert str(draft.lines[0].exact_amount) == exact
    assert str(draft.total) == printed


def test_the_total_is_the_sum_of_what_is_printed_not_of_what_is_exact(charge: ChargeMaker, rated: RatedMaker) -> None:
    thirds = [charge(f"Item {n}", exact_amount="0.335") for n in range(3)]

    draft = drafted(rated(*thirds))

    # The exact sum is 1.005, which alone would be rounded to 1.01.
    assert [str(line.amount) for line in draft.lines] == ["0.34", "0.34", "0.34"]
    assert str(draft.total) == "1.02"


def test_an_invoice_of_nothing_is_zero_in_its_currency(rated: RatedMaker) -> None:
    assert str(drafted(rated()).total) == "0.00"
    assert str(drafted(rated(currency="JPY")).total) == "0"
    assert str(drafted(rated(currency="KWD")).total) == "0.000"


def test_lines_stand_in_the_order_of_the_plan_and_adjustments_behind_them(
    charge: ChargeMaker, fee: ChargeMaker, rated: RatedMaker
) -> None:
    january = compose(rated(charge()), [], "Seller")
    later = adjust(
        billed(january.lines, january.rated.period), rated(charge(quantity="4", exact_amount="1.34")), rated()
    )

    draft = drafted(rated(fee(), charge(), billing_period="2025-02"), *later)

    assert [(line.kind, line.item) for line in draft.lines] == [
        (LineKind.FIXED, "Base fee"),
        (LineKind.USAGE, "Calls"),
        (LineKind.ADJUSTMENT, "Calls"),
    ]
    assert draft.total == sum(line.amount for line in draft.lines)


def test_an_adjustment_is_the_difference_and_keeps_period_price_and_origin(
    charge: ChargeMaker, fee: ChargeMaker, rated: RatedMaker
) -> None:
    january = compose(rated(fee(), charge(quantity="3", exact_amount="1.005", events=3)), [], "Seller")
    now = rated(fee(), charge(quantity="5", exact_amount="1.675", events=4), snapshot_id="snap-2")

    (part,) = adjust(billed(january.lines, january.rated.period), now, rated())
    line = part.line

    # 1.675 is 1.68 now, and 1.01 was billed.
    assert (line.kind, line.quantity, line.amount) == (LineKind.ADJUSTMENT, Decimal(2), Decimal("0.67"))
    assert (line.exact_amount, line.event_count) == (Decimal("1.675"), 1)
    assert (line.period, line.billing_period, part.revision) == (january.rated.period, "2025-01", 2)
    assert (line.plan, line.plan_version, line.adjusts_line_id) == ("standard", 1, "INV-000002.1")
    assert line.billed_before == Decimal("1.01")


def test_late_events_that_cost_nothing_are_still_seen(charge: ChargeMaker, rated: RatedMaker) -> None:
    january = compose(rated(charge(quantity="3", exact_amount="0", events=3)), [], "Seller")
    before = billed(january.lines, january.rated.period)

    (within_included,) = adjust(before, rated(charge(quantity="4", exact_amount="0", events=4)), rated())
    (below_the_maximum,) = adjust(before, rated(charge(quantity="3", exact_amount="0", events=4)), rated())

    assert (str(within_included.line.quantity), str(within_included.line.amount)) == ("1", "0.00")
    assert (str(below_the_maximum.line.quantity), below_the_maximum.line.event_count) == ("0", 1)


def test_what_did_not_change_has_no_adjustment(charge: ChargeMaker, fee: ChargeMaker, rated: RatedMaker) -> None:
    january = compose(rated(fee(), charge()), [], "Seller")

    assert adjust(billed(january.lines, january.rated.period), rated(fee(), charge()), rated()) == ()


@pytest.mark.parametrize("change", ["price", "plan", "item added", "item gone"])
def test_a_period_rated_by_other_prices_is_refused_not_billed(
    charge: ChargeMaker, rated: RatedMaker, change: str
) -> None:
    january = compose(rated(charge(), charge("Other")), [], "Seller")
    now = {
        "price": rated(replace(charge(), plan_version=2), charge("Other")),
        "plan": rated(replace(charge(), plan="other"), charge("Other")),
        "item added": rated(charge(), charge("Other"), charge("New")),
        "item gone": rated(charge()),
    }[change]

    with pytest.raises(Internal) as refused:
        adjust(billed(january.lines, january.rated.period), now, rated())

    assert refused.value.reason is Reason.LINEAGE_MISMATCH


def test_one_invoice_holds_one_currency(charge: ChargeMaker, rated: RatedMaker) -> None:
    january = compose(rated(charge()), [], "Seller")

    with pytest.raises(Internal) as refused:
        adjust(billed(january.lines, january.rated.period), rated(charge(quantity="4")), rated(currency="EUR"))

    assert refused.value.reason is Reason.LINEAGE_MISMATCH


def test_only_an_adjustment_of_another_contract_names_it(charge: ChargeMaker, rated: RatedMaker) -> None:
    january = billed(compose(rated(charge()), [], "Seller").lines, JANUARY)
    now = rated(charge(quantity="4", exact_amount="1.34"))

    named = [adjust(january, now, rated(contract=contract))[0].line.contract for contract in ("C-1", "C-2", "")]

    assert named == ["", "C-1", "C-1"]


def test_each_snapshot_since_the_billed_one_has_its_own_line(charge: ChargeMaker, rated: RatedMaker) -> None:
    january = billed(compose(rated(charge(events=3)), [], "Seller").lines, JANUARY)
    second = rated(charge(quantity="4", exact_amount="1.34", events=4), snapshot_id="snap-2")
    third = rated(charge(quantity="5", exact_amount="1.675", events=6), snapshot_id="snap-3")

    lines, snapshots = bill([Amendment(january, (second, third))], rated(billing_period="2025-02"))

    # 1.01 was billed; 1.34 and then 1.68 is owed.
    assert [(str(part.line.amount), part.line.event_count, part.revision) for part in lines] == [
        ("0.33", 1, 2),
        ("0.34", 2, 3),
    ]
    assert [part.line.adjusts_line_id for part in lines] == ["INV-000001.1", "INV-000001.1"]
    assert [(snapshot.snapshot_id, snapshot.revision) for snapshot in snapshots] == [("snap-2", 2), ("snap-3", 3)]


def test_a_closing_invoice_spans_what_it_adjusts_and_reaches_as_far_as_all_of_it(
    charge: ChargeMaker, rated: RatedMaker
) -> None:
    january = billed(compose(rated(charge()), [], "Seller").lines, JANUARY)
    february = replace(january, contract="C-2", billing_period="2025-02", period=FEBRUARY)
    late = charge(quantity="4", exact_amount="1.34")
    ratings = [
        rated(late, as_of=AsOf("log", {0: 9, 1: 4})),
        rated(late, contract="C-2", billing_period="2025-02", period=FEBRUARY, as_of=AsOf("log", {0: 7, 1: 5})),
    ]
    amendments = [Amendment(january, (ratings[0],)), Amendment(february, (ratings[1],))]

    composition, snapshots = compose_closing(amendments, "2025-09", "Seller")

    draft = composition.draft()
    assert (draft.kind, draft.contract, draft.billing_period) == (InvoiceKind.CLOSING, "", "2025-09")
    assert draft.period == Period(JANUARY.start, FEBRUARY.end)
    assert draft.as_of == AsOf("log", {0: 7, 1: 4})
    assert [(line.contract, line.billing_period, str(line.amount)) for line in draft.lines] == [
        ("C-1", "2025-01", "0.33"),
        ("C-2", "2025-02", "0.33"),
    ]
    assert (str(draft.total), draft.is_credit) == ("0.66", False)
    assert [snapshot.contract for snapshot in snapshots] == ["C-1", "C-2"]


def test_the_amount_of_an_adjustment_explains_itself(charge: ChargeMaker, rated: RatedMaker) -> None:
    january = compose(rated(charge()), [], "Seller")
    before = billed(january.lines, january.rated.period)
    (part,) = adjust(before, rated(charge(quantity="5", exact_amount="1.675")), rated())

    assert explain_amount(part.line, "USD", before.lines) == [
        "exact charge 1.675 USD",
        "rounded once, half away from zero, to 2 decimal places: 1.68 USD",
        "less billed on line INV-000001.1: 1.01 USD",
        "difference: 0.67 USD",
    ]


# --- laws ------------------------------------------------------------------------------------------------------------

AMOUNTS = st.decimals("-1000000", "1000000", places=6, allow_nan=False)
QUANTITIES = st.decimals("-100000", "100000", places=3, allow_nan=False)
STATES = st.tuples(QUANTITIES, AMOUNTS, st.integers(0, 9))
CODES = st.sampled_from(["USD", "JPY", "KWD"])


@given(first=STATES, late=st.lists(STATES, max_size=6), code=CODES)
def test_all_lines_of_a_period_sum_to_its_rounded_charge_whatever_came_late(
    first: tuple[Decimal, Decimal, int], late: list[tuple[Decimal, Decimal, int]], code: str
) -> None:
    states = [first]
    for quantity, amount, new_events in late:
        states.append((quantity, amount, states[-1][2] + new_events))
    parts: list[ComposedLine] = []
    for revision, state in enumerate(states, start=1):
        now = rated_as(*state, code=code)
        if revision == 1:
            parts.extend(compose(now, [], "Seller").lines)
        else:
            parts.extend(adjust(billed(parts, now.period, revision - 1), now, now))

        lines = [part.line for part in parts]
        with exact_arithmetic():
            assert sum(line.amount for line in lines) == round_to_minor_unit(state[1], currency(code))
            assert sum(line.quantity for line in lines) == state[0]
            assert sum(line.event_count for line in lines) == state[2]


@given(state=STATES, code=CODES)
def test_the_same_usage_again_adjusts_nothing(state: tuple[Decimal, Decimal, int], code: str) -> None:
    now = rated_as(*state, code=code)

    assert adjust(billed(compose(now, [], "Seller").lines, now.period), now, now) == ()


@given(amounts=st.lists(AMOUNTS, max_size=20), code=CODES)
def test_the_total_is_always_the_sum_of_the_lines(amounts: list[Decimal], code: str) -> None:
    charges = tuple(
        replace(charge, item=f"Item {n}")
        for n, amount in enumerate(amounts)
        for charge in rated_as(Decimal(1), amount, 1, code=code).charges
    )

    draft = drafted(replace(rated_as(Decimal(1), Decimal(0), 1, code=code), charges=charges))

    with exact_arithmetic():
        assert draft.total == sum((line.amount for line in draft.lines), Decimal(0))
    assert all(line.amount == round_to_minor_unit(line.exact_amount, currency(code)) for line in draft.lines)


def rated_as(quantity: Decimal, exact_amount: Decimal, events: int, *, code: str) -> Rated:
    """One usage item in a state; hypothesis can't use fixtures of single tests."""
    charge = Charge(
        id="chg-1",
        item="Calls",
        kind=LineKind.USAGE,
        meter="calls",
        unit="call",
        plan="standard",
        plan_version=1,
        quantity=quantity,
        exact_amount=exact_amount,
        tiers=(),
        snapshot_id="snap",
        event_count=events,
        traceparent="",
    )
    return Rated(
        contract="C-1",
        customer="UA",
        customer_name="UA",
        currency=code,
        time_zone="UTC",
        billing_period="2025-01",
        period=JANUARY,
        snapshot_id="snap",
        as_of=AsOf(),
        charges=(charge,),
    )
