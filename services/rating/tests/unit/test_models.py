"""The one list of price models is the contract's, field by field: nothing else needs to know a model by name."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

import pytest

from metering.rating.v1 import catalog_pb2 as pb
from rating.domain.pricing import MODELS
from rating.domain.pricing.adjust import ADJUSTMENTS
from rating.domain.pricing.fields import fields_of
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.seats import MODELS_OF_SEATS

USAGE: Any = pb.UsagePrice.DESCRIPTOR
ROW: Any = pb.MatrixRow.DESCRIPTOR
ITEM: Any = pb.PlanItem.DESCRIPTOR
SEATS: Any = pb.SeatsPrice.DESCRIPTOR


def message_of(model: type[PriceModel]) -> Any:
    owner = USAGE if model.LOOKS_AT_USAGE else ITEM
    return owner.fields_by_name[model.KIND].message_type


def test_every_model_of_the_contract_is_a_file_and_every_file_is_in_the_contract() -> None:
    # A matrix chooses among models, and is none itself.
    of_usage = [field.name for field in USAGE.oneofs_by_name["model"].fields if field.name != "matrix"]
    # Seats are priced by some of them, too.
    of_items = [field.name for field in ITEM.oneofs_by_name["charge"].fields if field.name not in {"usage", "seats"}]

    assert sorted(model.KIND for model in MODELS if model.LOOKS_AT_USAGE) == sorted(of_usage)
    # A formula names quantities of its own, so it is no row of a matrix.
    of_rows = [kind for kind in of_usage if kind != "formula"]
    assert sorted(of_rows) == sorted(field.name for field in ROW.oneofs_by_name["model"].fields)
    assert sorted(model.KIND for model in MODELS if not model.LOOKS_AT_USAGE) == sorted(of_items)
    of_seats = [field.name for field in SEATS.oneofs_by_name["price"].fields]
    assert [model.KIND for model in MODELS_OF_SEATS] == of_seats


def test_every_adjustment_is_a_field_of_the_contract() -> None:
    around = [field.name for field in USAGE.fields if field.containing_oneof is None]

    # Each is one decimal; what comes before them is a record of its own, and so is how usage falls into parts.
    others = ["convert", "per_key", "ladder", "calendar"]
    assert ["scope", *(adjustment.KIND for adjustment in ADJUSTMENTS), *others] == around


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.KIND)
def test_a_model_has_the_fields_of_its_message(model: type[PriceModel]) -> None:
    assert is_dataclass(model)

    for described, message in [(model, message_of(model))]:
        assert [field.name for field in fields_of(described)] == [field.name for field in message.fields]
        for field in fields_of(described):
            if field.record is not None:
                entry = message.fields_by_name[field.name].message_type
                assert [part.name for part in fields_of(field.record)] == [part.name for part in entry.fields]
