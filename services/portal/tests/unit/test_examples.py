from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from portal.domain.examples import quantities_of
from portal.domain.plans import PlanItem, PlanTier


def item(**changed: Any) -> PlanItem:
    values: dict[str, Any] = {
        "item": "Minutes",
        "label": "Minutes",
        "meter": "minutes",
        "unit": "min",
        "model": "perUnit",
        "amount": None,
        "unit_price": Decimal(1),
        "block_size": None,
        "is_converted": False,
        "included": None,
        "minimum": None,
        "tiers": (),
    }
    return PlanItem(**{**values, **changed})


TIERS = (PlanTier(up_to=Decimal(50000), unit_price=Decimal(1), flat=None),)


@pytest.mark.parametrize(
    ("priced", "used", "quantities"),
    [
        (item(), "1053417", ["530000", "1053417", "2100000"]),
        (item(), "5201", ["2600", "5201", "10000"]),
        (item(), "1", ["0.5", "1", "2"]),
        (item(), "0.003", ["0.0015", "0.003", "0.006"]),
        (item(), None, ["10", "100", "1000"]),
        (item(), "0", ["10", "100", "1000"]),
        (item(tiers=TIERS), None, ["25000", "50000", "100000"]),
        (item(included=Decimal(300), tiers=TIERS), None, ["150", "300", "600"]),
        (item(model="package", block_size=Decimal(7)), None, ["3.5", "7", "14"]),
    ],
)
def test_examples_are_what_was_used_and_half_and_double_of_it(
    priced: PlanItem, used: str | None, quantities: list[str]
) -> None:
    found = quantities_of(priced, None if used is None else Decimal(used))
    assert [format(quantity, "f") for quantity in found] == quantities
