"""What `meterline variance` says as a document."""

from __future__ import annotations

from metering.rating.v1 import charge_pb2, variance_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.variance import variance_document


def test_an_item_that_is_new_has_nothing_before() -> None:
    effect = variance_pb2.VarianceAmount(effect=variance_pb2.VARIANCE_EFFECT_NEW, amount="3.00", exact_amount="3")
    item = variance_pb2.VarianceOfItem(
        item="Calls",
        kind=charge_pb2.CHARGE_KIND_USAGE,
        after=variance_pb2.VarianceSide(quantity="3", amount="3.00", exact_amount="3"),
        change="3.00",
        effects=[effect],
    )

    document = variance_document(pb.ExplainVarianceResponse(items=[item], effects=[effect], currency="USD"))

    new = {"effect": "new", "amount": "3.00", "exactAmount": "3"}
    assert document["effects"] == [new]
    assert document["items"] == [
        {
            "item": "Calls",
            "meter": "",
            "kind": "usage",
            "unit": "",
            "before": None,
            "after": {"quantity": "3", "amount": "3.00", "exactAmount": "3"},
            "change": "3.00",
            "effects": [new],
        }
    ]
