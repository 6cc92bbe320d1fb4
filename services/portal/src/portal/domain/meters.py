"""Meters as a customer sees them."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from portal.domain.views import View

Aggregation = Literal[
    "SUM",
    "COUNT",
    "COUNT_UNIQUE",
    "MIN",
    "MAX",
    "LATEST",
    "AVG",
    "FIRST",
    "WEIGHTED_SUM",
    "DURATION",
    "PERCENTILE",
    "LIVE_COUNT",
    "RUNNING_TOTAL",
    "FORMULA",
]
ADDITIVE: Final = frozenset({"SUM", "COUNT"})
"""Aggregations whose parts add up to the whole."""
COMPUTED: Final = "FORMULA"
"""Computed from other meters: there are no events of its own to be read anew."""


class Meter(View):
    """What can be looked at."""

    name: str = Field(description="Name of the meter.", examples=["flights"])
    label: str = Field(description="Its name for people, as the seller's profile has it.")
    unit: str = Field(description="Unit of its quantities, for people; empty if it has none.")
    aggregation: Aggregation = Field(description="How events become a quantity.")
    group_by: tuple[str, ...] = Field(description="Properties by which its usage can be broken down and filtered.")
    any_property: bool = Field(
        default=False,
        description="Whether usage can be asked for by any other property of events, too, which reads them anew.",
    )
