from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from portal.domain.plans import PlanItem, PlanTier
from portal.domain.prices import sentence_of


def item(**changed: Any) -> PlanItem:
    values: dict[str, Any] = {
        "item": "Minutes",
        "label": "Minutes",
        "meter": "minutes",
        "unit": "min",
        "sentence": "",
        "model": "perUnit",
        "amount": None,
        "unit_price": None,
        "block_size": None,
        "included": None,
        "minimum": None,
        "tiers": (),
    }
    return PlanItem(**{**values, **changed})


def tier(up_to: str | None, unit_price: str | None, flat: str | None = None) -> PlanTier:
    def number(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    return PlanTier(up_to=number(up_to), unit_price=number(unit_price), flat=number(flat))


LADDER = (tier("100", "0.05"), tier(None, "0.04", "2.00"))

EXAMPLES = [
    (item(model="fixed", amount=Decimal("9.90")), "USD 9.9 in every period, whatever is used."),
    (item(unit_price=Decimal("0.05")), "Each min costs USD 0.05."),
    (
        item(unit_price=Decimal("0.05"), included=Decimal(100), minimum=Decimal(5)),
        (
            "The first 100 min of a period are included. Each further min costs USD 0.05. "
            "It costs at least USD 5 in a period."
        ),
    ),
    (item(model="package", block_size=Decimal(1000), amount=Decimal("1.50")), "Every 1000 min begun cost USD 1.5."),
    (
        item(model="graduated", tiers=LADDER),
        "Up to 100 min, each costs USD 0.05. Every further min costs USD 0.04, and USD 2 once it is entered.",
    ),
    (
        item(model="volume", tiers=LADDER),
        (
            "The whole quantity has the price of the tier in which it ends: up to 100 min, USD 0.05 for each min; "
            "beyond, USD 0.04 for each min and USD 2."
        ),
    ),
    (
        item(model="stairstep", tiers=(tier("100", None, "20"), tier(None, None, "80"))),
        "All of it costs what its bracket says: up to 100 min, USD 20; beyond, USD 80.",
    ),
    (item(unit="", unit_price=Decimal(1)), "Each unit costs USD 1."),
]


@pytest.mark.parametrize(("priced", "sentence"), EXAMPLES, ids=lambda value: getattr(value, "model", ""))
def test_a_price_is_told_in_words(priced: PlanItem, sentence: str) -> None:
    assert sentence_of(priced, "USD") == sentence
