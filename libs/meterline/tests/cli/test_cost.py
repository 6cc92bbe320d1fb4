"""What `meterline cost` says as a document."""

from __future__ import annotations

from metering.common.v1 import values_pb2
from metering.rating.v1 import charge_pb2, cost_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.cost import cost_document


def row(**values: object) -> cost_pb2.CostRow:
    return cost_pb2.CostRow(
        item="Calls",
        kind=charge_pb2.CHARGE_KIND_USAGE,
        window=values_pb2.Period(),
        **values,  # type: ignore[arg-type]
    )


def test_an_amount_of_no_group_has_none_and_a_group_without_a_value_an_empty_one() -> None:
    response = pb.QueryCostResponse(
        rows=[
            row(part=cost_pb2.COST_PART_USAGE, group=[""], is_grouped=True, quantity="3", unit="call", amount="4.80"),
            row(part=cost_pb2.COST_PART_MINIMUM, quantity="0", amount="1.00", exact_amount="1"),
        ],
        currency="USD",
    )

    document = cost_document(response, ["origin"])

    assert [(one["part"], one["group"], one["amount"], one["exactAmount"]) for one in document["rows"]] == [
        ("usage", {"origin": ""}, "4.80", ""),
        ("minimum", None, "1.00", "1"),
    ]
    assert (document["currency"], document["filled"]) == ("USD", False)
