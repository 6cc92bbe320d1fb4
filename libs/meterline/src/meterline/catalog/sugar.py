"""The short forms in which people may write what the contract spells out, and what they may leave out.

Besides these, in every message: an enum's value without the prefix that all of its values share, and a message of one
field as that field's value (`perUnit: "0.03"`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class NotSugarError(ValueError):
    """A value has not the form that a short form takes; the text says what to write."""


@dataclass(frozen=True, slots=True)
class Short:
    """A short form: the field that it stands for, and how its value becomes the field's."""

    field: str
    expand: Callable[[Any], Any] | None = None
    schema: Mapping[str, Any] | None = None
    """What JSON Schema says of its value; None: what it says of the field's."""


def _filters(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise NotSugarError("must map properties to a value or a list of values")
    return [
        {"property": key, "values": values if isinstance(values, list) else [values]} for key, values in value.items()
    ]


def _hours(value: Any) -> str:
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise NotSugarError("must be a whole number of hours")
    return f"{int(value) * 3600}s"


_ONE_OR_MORE_TEXTS: Final = {
    "anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]
}

SHORT_FORMS: Final[Mapping[str, Mapping[str, Short]]] = {
    "metering.aggregator.v1.MeterSpec": {
        "value": Short("valueProperty"),
        "filter": Short(
            "filters",
            _filters,
            {
                "description": "Property -> value or list of values; all properties must match.",
                "type": "object",
                "additionalProperties": _ONE_OR_MORE_TEXTS,
            },
        ),
    },
    "metering.rating.v1.PlanItem": {"price": Short("usage")},
    "metering.rating.v1.PriceTier": {"unit": Short("unitPrice")},
    "metering.rating.v1.PackagePrice": {"unit": Short("unitPrice")},
    "metering.invoicing.v1.BillingProfileSpec": {
        "graceHours": Short(
            "grace", _hours, {"description": "Hours, 0 to 2160.", "type": ["string", "integer"], "pattern": "^[0-9]+$"}
        ),
    },
}
"""Message -> short form -> what it stands for."""

DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "metering.rating.v1.ContractSpec": {"interval": "MONTH"},
    "metering.invoicing.v1.BillingProfileSpec": {"numberPrefix": "INV"},
}
"""Message -> field -> its value where a document leaves it out, though the contract requires it."""
