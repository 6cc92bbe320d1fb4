"""Quote files as people write them, and what a quote says as a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.catalog.quotes import read_quote
from meterline.cli.contract_seats import set_seats
from meterline.cli.price import quote_document
from meterline.errors import InputError


def read(tmp_path: Path, text: str) -> pb.QuotePlanRequest:
    file = tmp_path / "quote.yaml"
    file.write_text(text, encoding="utf-8")
    request: pb.QuotePlanRequest = read_quote(file).request
    return request


def test_a_plan_is_named_or_written_down_in_the_short_forms_of_a_catalog(tmp_path: Path) -> None:
    named = read(tmp_path, "plan: standard\nusage: {calls: 5, minutes: 0.50}")
    draft = read(tmp_path, "plan: {currency: EUR, items: [{name: Calls, meter: calls, price: {perUnit: 0.10}}]}")

    assert (named.plan, [(used.meter, used.quantity) for used in named.usage]) == (
        "standard",
        [("calls", "5"), ("minutes", "0.50")],
    )
    assert draft.draft.items[0].usage.per_unit.unit_price == "0.10"


@pytest.mark.parametrize(
    ("word", "rounding"), [("up", "CEILING"), ("down", "FLOOR"), ("halfUp", "HALF_UP"), ("none", "UNSPECIFIED")]
)
def test_steps_of_a_quantity_are_written_in_short(tmp_path: Path, word: str, rounding: str) -> None:
    price = "price: {perUnit: 1, convert: {divide: 60, round: %s, to: 5}}"
    document = "plan: {currency: EUR, items: [{name: Talk, meter: seconds, " + price + "}]}"

    convert = read(tmp_path, document % word).draft.items[0].usage.convert

    assert (convert.increment, convert.rounding) == (
        "5",
        catalog_pb2.QuantityRounding.Value(f"QUANTITY_ROUNDING_{rounding}"),
    )
    with pytest.raises(InputError, match="must be one of up, down, halfUp"):
        read(tmp_path, document % "off")
    with pytest.raises(InputError, match="given twice: it means the same as round; leave one out"):
        read(tmp_path, document % f"{word}, rounding: CEILING")


def test_usage_by_values_and_rows_of_a_matrix_are_written_in_short(tmp_path: Path) -> None:
    row = "{when: {to: {prefix: [43, 44]}, plan: gold}, perUnit: 1}"
    matrix = "{by: [to, plan], rows: [" + row + "], otherwise: {perUnit: 2}}"
    item = "{name: Talk, meter: calls, price: {matrix: " + matrix + ", ladder: total}}"
    quote = "plan: {currency: EUR, items: [" + item + "]}\nusage: {calls: [{group: {to: '431'}, quantity: 5}]}"

    request = read(tmp_path, quote)

    usage = request.draft.items[0].usage
    assert usage.ladder == catalog_pb2.LADDER_TOTAL
    assert [(one.property, list(one.prefixes), list(one.values)) for one in usage.matrix.rows[0].when] == [
        ("to", ["43", "44"], []),
        ("plan", [], ["gold"]),
    ]
    assert [(dict(one.group), one.quantity) for one in request.usage[0].groups] == [({"to": "431"}, "5")]
    with pytest.raises(InputError, match="to must be a value, a list of values, or"):
        read(tmp_path, quote.replace("prefix:", "begins:"))


def test_a_period_is_of_days_or_of_the_instants_at_which_they_begin(tmp_path: Path) -> None:
    zone = "plan: standard\ntimeZone: America/New_York\nperiod: "
    days = read(tmp_path, zone + "{start: 2013-01-01, end: 2013-02-01}")
    instants = read(tmp_path, zone + "{start: 2013-01-01T05:00:00Z, end: 2013-02-01T00:00:00-05:00}")

    assert (days.period.start, days.period.end) == ("2013-01-01", "2013-02-01")
    assert instants == days


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "plan: standard\nusage: {calls: [5]}",
            "line 2 (quote): usage: must be a mapping with the keys group, quantity",
        ),
        (
            "plan: {currency: EUR, items: [{name: Calls, price: {perUnits: 1}}]}",
            "plan.items[0].price.perUnits: unknown",
        ),
        ("usage: {calls: 5}", "say what is priced"),
        ("", "is empty"),
        (
            "plan: standard\nperiod: {start: 2013-01-01T07:00:00Z}",
            "isn't midnight in UTC; write a day, such as 2013-01-01",
        ),
        ("plan: [", "isn't valid YAML"),
    ],
)
def test_what_can_not_be_read_is_told_by_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)
    assert told in str(refused.value)


def test_a_line_of_a_quote_has_the_keys_that_programs_read() -> None:
    line = pb.PriceQuote(item="Calls", quantity="5", exact_amount="0.125", amount="0.13")

    document = quote_document(pb.QuotePlanResponse(lines=[line], total="0.13", currency="EUR"))

    assert {key: document["lines"][0][key] for key in ("item", "quantity", "exactAmount", "amount")} == {
        "item": "Calls",
        "quantity": "5",
        "exactAmount": "0.125",
        "amount": "0.13",
    }
    assert (document["total"], document["plan"]) == ("0.13", None)


def test_seats_are_written_by_item_one_count_or_several_with_their_days(tmp_path: Path) -> None:
    price = "{perUnit: 20, increase: nextPeriod, decrease: prorated}"
    plan = "plan: {currency: EUR, items: [{name: Seats, seats: " + price + "}]}\n"

    request = read(
        tmp_path, plan + "seats: {Seats: [{from: 2026-06-01, count: 5}, {from: 2026-06-11, count: 8}], Other: 3}"
    )

    sold = request.draft.items[0].seats
    assert (sold.per_unit.unit_price, sold.increase, sold.decrease) == (
        "20",
        catalog_pb2.SEAT_CHANGE_NEXT_PERIOD,
        catalog_pb2.SEAT_CHANGE_PRORATED,
    )
    assert [(one.item, one.start, one.count) for one in request.seats] == [
        ("Seats", "2026-06-01", 5),
        ("Seats", "2026-06-11", 8),
        ("Other", "", 3),
    ]
    with pytest.raises(InputError, match="Seats must be a number of seats, or a list"):
        read(tmp_path, plan + "seats: {Seats: [5, 8]}")
    with pytest.raises(InputError, match="must be one of prorated, nextPeriod"):
        read(tmp_path, plan.replace("nextPeriod", "later"))


def test_a_count_is_set_after_those_of_earlier_days_and_a_wrong_one_is_replaced() -> None:
    spec = catalog_pb2.ContractSpec()

    def after(item: str, count: int, day: str, *, correct: bool = False) -> list[tuple[str, str, int]]:
        set_seats(spec, item, count, day, correct=correct)
        return [(one.item, one.start, one.count) for one in spec.seats]

    after("Seats", 5, "2026-06-01")
    after("Other", 1, "2026-06-05")
    assert after("Seats", 80, "2026-06-03") == [
        ("Seats", "2026-06-01", 5),
        ("Seats", "2026-06-03", 80),
        ("Other", "2026-06-05", 1),
    ]
    # Set again, nothing changes; beside another count of the day the highest counts; a wrong one goes.
    assert after("Seats", 80, "2026-06-03") == after("Seats", 80, "2026-06-03")
    assert ("Seats", "2026-06-03", 80) in after("Seats", 8, "2026-06-03")
    assert after("Seats", 8, "2026-06-03", correct=True) == [
        ("Seats", "2026-06-01", 5),
        ("Seats", "2026-06-03", 8),
        ("Other", "2026-06-05", 1),
    ]
