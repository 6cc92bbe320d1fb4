"""What `meterline price simulate` says."""

from __future__ import annotations

import pytest

from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import simulation_pb2
from meterline.cli.price_simulate import band_text, simulation_document


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
