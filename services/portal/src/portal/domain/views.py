"""What every view is made of: names in camel case, and numbers that never leave decimal text."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from money import format_decimal

_PATTERN: Final = r"^-?[0-9]+(\.[0-9]+)?$"


def _amount_text(amount: Decimal) -> str:
    """Return an amount with the places it has, which are those of its currency."""
    return format(amount, "f")


Quantity = Annotated[
    Decimal,
    PlainSerializer(format_decimal, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["1250.5"]}),
]
"""A quantity as exact decimal text: no exponent, and no zeros at the end."""

ExactAmount = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+|/[0-9]+)?$", "examples": ["12.5", "50983/3100"]}),
]
"""An amount before rounding, for reading: decimal text, or a fraction where no decimal holds it."""

Amount = Annotated[
    Decimal,
    PlainSerializer(_amount_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["12.00"]}),
]
"""An amount as decimal text, with all places of its currency."""


class View(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        # An answer has all its fields, those of a usual value as well.
        json_schema_serialization_defaults_required=True,
    )


class Answer(View):
    """An answer about usage, cost or invoices: it tells how fresh it is."""

    as_of: str = Field(description="Place in the event log that the answer reflects: equal texts mean equal places.")
    complete_until: datetime | None = Field(
        description="All that was accepted by this time is in the answer; null where that is not known."
    )


class Span(View):
    """A half-open span of time."""

    start: datetime = Field(description="First instant inside.")
    end: datetime = Field(description="First instant outside.")


class Freshness(View):
    """How fresh what a neighbor answered is."""

    as_of: str = ""
    complete_until: datetime | None = None
