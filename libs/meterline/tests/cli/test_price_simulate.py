"""What `meterline price simulate` says."""

from __future__ import annotations

import pytest

from metering.rating.v1 import margin_pb2, simulation_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.price_simulate import band_text, print_simulation, simulation_document


@pytest.mark.parametrize(
    ("band", "text"),
    [
        ({"from_percent": "0", "below_percent": "0"}, "none"),
        ({"from_percent": "5", "below_percent": "10"}, "fall of 5 to 10 %"),
        ({"from_percent": "50", "is_rise": True}, "rise of 50 % or more"),
        ({"is_from_nothing": True, "is_rise": True}, "from nothing"),
    ],
)
def test_bands_are_said_in_words(band: dict[str, object], text: str) -> None:
    assert band_text(simulation_pb2.SimulationBand(**band)) == text  # type: ignore[arg-type]


def test_a_document_has_customers_totals_and_what_is_left_out() -> None:
    skipped = simulation_pb2.SkippedPeriods(
        reason=simulation_pb2.SIMULATION_SKIP_CURRENCY, periods=2, example="c 2013-01"
    )
    customer = simulation_pb2.SimulatedCustomer(customer="UA", currency="USD", periods=1, now="2.00", then="1.50")

    document = simulation_document([customer], pb.SimulatePlansResponse(skipped=[skipped], is_last=True))

    assert document["customers"][0]["customer"] == "UA"
    assert document["customers"][0]["items"] == []
    assert document["totals"] == []
    assert document["skipped"] == [{"reason": "CURRENCY", "periods": "2", "example": "c 2013-01"}]


def test_margins_are_told_and_who_costs_more_than_it_pays(capsys: pytest.CaptureFixture[str]) -> None:
    def customer(name: str, cost: str, margin: str) -> simulation_pb2.SimulatedCustomer:
        told = margin_pb2.Margin(cost=cost, margin=margin, without_cost="0.00")
        return simulation_pb2.SimulatedCustomer(
            customer=name, currency="USD", now="9.00", then="5.00", difference="-4.00", margin_then=told
        )

    customers = [customer("UA", "1.00", "4.00"), customer("DL", "7.00", "-2.00")]
    both = margin_pb2.Margin(cost="8.00", margin="2.00", without_cost="1.50")
    total = simulation_pb2.SimulationTotal(currency="USD", customers=2, losing_then=1, margin_then=both)

    print_simulation(customers, pb.SimulatePlansResponse(totals=[total]))

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "customer currency periods now then difference margin now margin then"
    assert "UA USD 0 9.00 5.00 -4.00 - 4.00" in lines
    assert "margin now - USD, then 2.00 USD; 0 customers cost more than they pay now, 1 would" in lines
    assert "1.50 USD of that are of items without `cost`: they count as if they cost nothing" in lines
    assert lines[-2:] == ["would cost more than it pays currency then cost margin", "DL USD 5.00 7.00 -2.00"]
