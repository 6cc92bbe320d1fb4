"""What credit pays: each lot for what accrued on its days, in the order of the lots, and never more than there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from money import currency
from rating.domain.draws import Days, Draw, Drawn, Line, accrued, changes, drawn, netted
from rating.domain.wallets import Lot, LotKind, LotTax, OpenLot, Voided, check_lot, standing

EUR = currency("EUR")
JANUARY = Days(date(2026, 1, 1), date(2026, 1, 31))
MONTH = [date(2026, 1, 1) + timedelta(days=n) for n in range(31)]
GRANTED = datetime(2025, 12, 1, tzinfo=UTC)


def lot(number: int, amount: str, first: date = MONTH[0], until: date | None = None, **others: object) -> Lot:
    plain = Lot(
        str(number),
        "acme",
        number,
        "EUR",
        Decimal(amount),
        first,
        until,
        0,
        (),
        LotKind.PROMOTIONAL,
        LotTax.NONE,
        "Welcome",
        GRANTED,
    )
    return replace(plain, **others)  # type: ignore[arg-type]


def whole(*lots: Lot) -> list[OpenLot]:
    return [OpenLot(one, one.amount) for one in lots]


def paid(lots: list[OpenLot], lines: list[Line], profile: dict[str, dict[date, Decimal]]) -> dict[str, Drawn]:
    wanted = accrued(lines, JANUARY, profile, [one.lot for one in lots], EUR)
    return {one.lot: one for one in drawn(lots, wanted, {line.name: line.item for line in lines})}


def test_a_lot_pays_for_its_own_days_and_the_rest_of_it_expires() -> None:
    first = lot(1, "20.00", until=date(2026, 1, 15))
    second = lot(2, "50.00", first=date(2026, 1, 15))
    line = Line("Images", "Images", Decimal("31.00"))
    found = paid(whole(first, second), [line], {"Images": dict.fromkeys(MONTH, Decimal("1.00"))})
    assert found["1"].draws == (Draw("Images", date(2026, 1, 1), date(2026, 1, 14), Decimal("14.00")),)
    assert found["2"].draws == (Draw("Images", date(2026, 1, 15), date(2026, 1, 31), Decimal("17.00")),)
    stands = standing(first, found["1"].amount, Decimal(0), date(2026, 2, 1))
    assert (stands.drawn, stands.expired, stands.left) == (Decimal(14), Decimal(6), Decimal(0))


def test_lots_are_drawn_by_priority_expiry_kind_and_age() -> None:
    later = GRANTED + timedelta(days=1)
    lots = [
        lot(6, "1", priority=1),
        lot(5, "1", granted_at=later, kind=LotKind.PAID),
        lot(4, "1", kind=LotKind.PAID),
        lot(3, "1", granted_at=later),
        lot(2, "1"),
        lot(1, "1", until=date(2026, 3, 1), granted_at=later, kind=LotKind.PAID),
    ]
    one_day = [Line("Calls", "Calls", Decimal("3.00"))]
    assert [one for one, of in paid(whole(*lots), one_day, {}).items() if of.draws] == ["1", "2", "3"]
    assert list(paid(whole(*lots), one_day, {})) == ["1", "2", "3", "4", "5", "6"]


def test_a_lot_of_items_pays_for_their_parts_and_for_nothing_else() -> None:
    lots = whole(lot(1, "9", items=("Calls",)))
    part = "Calls (2026-01-01 to 2026-01-10)"
    lines = [Line("Fee", "Fee", Decimal(4)), Line(part, "Calls", Decimal(3)), Line("Commitment: Calls", "", Decimal(2))]
    assert [draw.line for draw in paid(lots, lines, {})["1"].draws] == [part]


def test_a_fee_in_advance_accrues_on_its_first_day_and_what_has_no_cost_by_day_on_the_last() -> None:
    january, february = lot(1, "100", until=date(2026, 2, 1)), lot(2, "100", first=date(2026, 2, 1))
    last = lot(3, "5", first=date(2026, 1, 31), until=date(2026, 2, 1))
    lines = [
        Line("Fee (2026-02-01 to 2026-02-28)", "Fee", Decimal(30), date(2026, 2, 1)),
        Line("Plan minimum", "Plan minimum", Decimal(7), date(2026, 1, 31)),
        Line("Unknown", "Unknown", Decimal(1)),
    ]
    found = paid(whole(january, february, last), lines, {})
    assert [(draw.line, draw.amount) for draw in found["2"].draws] == [(lines[0].name, Decimal(30))]
    assert found["1"].amount == Decimal(8)
    assert not found["3"].draws


def test_what_is_below_zero_leaves_less_to_be_paid() -> None:
    lines = [
        Line("Fee", "Fee", Decimal(50)),
        Line("Calls", "Calls", Decimal(5)),
        Line("Storage", "Storage", Decimal(4)),
        Line("Billed in advance: Fee", "Fee", Decimal(-52)),
    ]
    assert [(line.name, line.amount) for line in netted(lines)] == [("Calls", Decimal(5)), ("Storage", Decimal(2))]
    assert netted([*lines, Line("Back", "Back", Decimal(-100))]) == []


def test_changes_give_back_what_is_no_longer_drawn() -> None:
    calls = Draw("Calls", MONTH[0], MONTH[30], Decimal("5.00"))
    more, other = replace(calls, amount=Decimal("3.00")), replace(calls, line="Fee")
    assert changes([calls], [more, other]) == [replace(calls, amount=Decimal("-2.00")), other]
    assert changes([calls], [calls]) == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"amount": Decimal(0)}, "amount"),
        ({"amount": Decimal("0.001")}, "amount"),
        ({"until": MONTH[0]}, "expires"),
        ({"items": ("Calls", "Calls")}, "items"),
        ({"taxed": LotTax.PURCHASE}, "taxed"),
    ],
)
def test_a_lot_that_could_not_be_drawn_is_refused(changed: dict[str, object], field: str) -> None:
    with pytest.raises(Refused) as refused:
        check_lot(replace(lot(1, "5"), **changed), EUR)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_what_is_taken_back_is_what_was_left() -> None:
    back = lot(1, "5", voided=Voided("mistake", GRANTED))
    assert standing(back, Decimal(2), Decimal(0), MONTH[0]).voided == Decimal(3)


# --- laws ------------------------------------------------------------------------------------------------------------

CENTS = st.integers(min_value=0, max_value=3000)
DAY = st.integers(min_value=-3, max_value=34)


@st.composite
def some_lots(draw: st.DrawFn) -> list[OpenLot]:
    found = []
    for number in range(1, draw(st.integers(min_value=1, max_value=5)) + 1):
        first, length = draw(DAY), draw(st.one_of(st.none(), st.integers(min_value=1, max_value=25)))
        begins = MONTH[0] + timedelta(days=first)
        one = lot(
            number,
            "1000",
            first=begins,
            until=None if length is None else begins + timedelta(days=length),
            priority=draw(st.integers(min_value=0, max_value=2)),
            kind=draw(st.sampled_from(LotKind)),
            items=draw(st.sampled_from([(), ("Calls",), ("Storage",)])),
        )
        found.append(OpenLot(one, Decimal(draw(CENTS)).scaleb(-2)))
    return found


COSTS = st.fixed_dictionaries(
    {name: st.lists(st.integers(min_value=0, max_value=200), min_size=31, max_size=31) for name in ("Calls", "Storage")}
)


def by_hand(lots: list[OpenLot], costs: dict[str, list[int]]) -> dict[str, int]:
    """Walk through the days; those between which nothing begins or ends are paid line by line."""
    left = {one.lot.id: int(one.left * 100) for one in lots}
    ordered = sorted(
        lots,
        key=lambda one: (
            one.lot.priority,
            one.lot.until is None,
            one.lot.until or MONTH[0],
            one.lot.kind.value == "PAID",
            one.lot.number,
        ),
    )
    bounds = {bound for one in lots for bound in (one.lot.first_day, one.lot.until)}
    runs: list[list[int]] = []
    for place, day in enumerate(MONTH):
        if not runs or day in bounds:
            runs.append([])
        runs[-1].append(place)
    for run in runs:
        day = MONTH[run[0]]
        for name in costs:
            lacking = sum(costs[name][place] for place in run)
            for one in (each.lot for each in ordered):
                is_good = one.first_day <= day and (one.until is None or day < one.until)
                if is_good and (not one.items or name in one.items):
                    taken = min(lacking, left[one.id])
                    left[one.id] -= taken
                    lacking -= taken
    return {one.lot.id: int(one.left * 100) - left[one.lot.id] for one in lots}


@given(some_lots(), COSTS)
def test_lots_pay_what_a_walk_through_the_days_says(lots: list[OpenLot], costs: dict[str, list[int]]) -> None:
    cents = {name: [Decimal(cost).scaleb(-2) for cost in found] for name, found in costs.items()}
    lines = [Line(name, name, sum(found, Decimal(0))) for name, found in cents.items()]
    profile = {name: dict(zip(MONTH, found, strict=True)) for name, found in cents.items()}
    found = paid(lots, lines, profile)
    assert {one: int(of.amount * 100) for one, of in found.items()} == by_hand(lots, costs)


@given(some_lots(), COSTS, CENTS)
def test_nothing_is_drawn_that_is_not_there(lots: list[OpenLot], costs: dict[str, list[int]], discounted: int) -> None:
    amount = Decimal(discounted).scaleb(-2)
    lines = [Line("Calls", "Calls", amount), Line("Storage", "Storage", amount)]
    profile = {name: dict(zip(MONTH, map(Decimal, found), strict=True)) for name, found in costs.items()}
    found = paid(lots, lines, profile)
    for one in lots:
        assert 0 <= found[one.lot.id].amount <= one.left
        for draw in found[one.lot.id].draws:
            assert draw.amount > 0
            assert one.lot.first_day <= draw.first_day
            assert one.lot.until is None or draw.last_day < one.lot.until
    for line in lines:
        of_line = [draw for of in found.values() for draw in of.draws if draw.line == line.name]
        assert sum((draw.amount for draw in of_line), Decimal(0)) <= line.amount
    # What is not paid finds no lot that is good for it and has something left.
    rest = [replace(one, left=one.left - found[one.lot.id].amount) for one in lots]
    wanted = accrued(lines, JANUARY, profile, [one.lot for one in lots], EUR)
    covered = changes([draw for of in found.values() for draw in of.draws], wanted)
    assert not any(one.draws for one in drawn(rest, covered, {line.name: line.item for line in lines}))


FEBRUARY = Days(date(2026, 2, 1), date(2026, 2, 28))


@given(st.lists(st.tuples(st.booleans(), CENTS), min_size=1, max_size=6), CENTS, CENTS)
def test_periods_draw_the_same_whichever_is_rated_first(
    granted: list[tuple[bool, int]], january: int, february: int
) -> None:
    lots = [
        OpenLot(
            lot(number, "1000", until=FEBRUARY.first) if is_early else lot(number, "1000", first=FEBRUARY.first),
            Decimal(left).scaleb(-2),
        )
        for number, (is_early, left) in enumerate(granted, start=1)
    ]
    costs = [(JANUARY, Decimal(january).scaleb(-2)), (FEBRUARY, Decimal(february).scaleb(-2))]

    def paid_in(order: list[tuple[Days, Decimal]]) -> dict[date, dict[str, Decimal]]:
        left, found = lots, {}
        for days, amount in order:
            line = Line("Calls", "Calls", amount)
            good = [one for one in left if one.lot.meets(days.first, days.last)]
            wanted = accrued([line], days, {}, [one.lot for one in good], EUR)
            paid_now = {one.lot: one.amount for one in drawn(good, wanted, {"Calls": "Calls"})}
            left = [replace(one, left=one.left - paid_now.get(one.lot.id, Decimal(0))) for one in left]
            found[days.first] = paid_now
        assert all(one.left >= 0 for one in left)
        return found

    assert paid_in(costs) == paid_in(costs[::-1])
