"""The short forms in which people may write what the contract spells out, and what they may leave out.

Besides these, in every message: an enum's value without the prefix that all of its values share, and a message of one
field as that field's value (`perUnit: "0.03"`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class NotSugarError(ValueError):
    """A value has not the form that a short form takes; the text says what to write."""


LEFT_OUT: Final = object()
"""What a short form stands for that says what holds anyway."""


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


def _conditions(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise NotSugarError("must map properties to a value, a list of values, or {prefix: …}")
    return [_condition(key, values) for key, values in value.items()]


def _condition(key: str, values: Any) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        return {"property": key, "values": _as_list(values)}
    if set(values) != {"prefix"}:
        raise NotSugarError(f"{key} must be a value, a list of values, or {{prefix: …}} with no other key")
    return {"property": key, "prefixes": _as_list(values["prefix"])}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _when_forms(value: Any) -> list[Short]:
    return [Short("when") if isinstance(value, list) else _WHEN]


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _spelled(value: Any) -> Any:
    """Write a word such as atOnce as the name of a value: AT_ONCE."""
    if not isinstance(value, str) or value.isupper():
        return value
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in value).upper()


def _covered(value: Any) -> Any:
    if value == "contract":
        return []
    if not isinstance(value, Mapping) or set(value) != {"items"}:
        raise NotSugarError("must be contract, or {items: [names]}")
    return value["items"]


def _cost(value: Any) -> Any:
    is_spelled_out = not isinstance(value, Mapping) or value.keys() & {"usage", "fixed"}
    return value if is_spelled_out else {"usage": value}


def _filter_forms(value: Any) -> list[Short]:
    return [Short("filterExpression")] if isinstance(value, str) else [_FILTERS]


def _value_forms(value: Any) -> list[Short]:
    return [Short("valueExpression", _only_expression) if isinstance(value, Mapping) else Short("valueProperty")]


def _key_forms(value: Any) -> list[Short]:
    return [Short("keyExpression", _only_expression) if isinstance(value, Mapping) else Short("keyProperty")]


def _phase_forms(value: Any) -> list[Short]:
    return [Short("phaseExpression", _only_expression) if isinstance(value, Mapping) else Short("phaseProperty")]


def _group_forms(value: Any) -> list[Short]:
    if not isinstance(value, list) or not any(isinstance(entry, Mapping) for entry in value):
        return [Short("groupBy")]
    return [Short("groupBy", _group_names), Short("dimensions", _dimensions)]


def _only_expression(value: Any) -> Any:
    if set(value) != {"expression"}:
        raise NotSugarError("must be a property, or a mapping with the key expression and no other")
    return value["expression"]


def _group_names(value: Any) -> list[Any]:
    return [entry.get("name", "") if isinstance(entry, Mapping) else entry for entry in value]


def _dimensions(value: Any) -> list[Any]:
    return [entry for entry in value if isinstance(entry, Mapping)]


def _rounding(value: Any) -> Any:
    if not isinstance(value, str) or value not in _ROUNDINGS:
        raise NotSugarError(f"must be one of {', '.join(_ROUNDINGS)}")
    return _ROUNDINGS[value] or LEFT_OUT


def _plan_forms(value: Any) -> list[Short]:
    return [Short("plan" if isinstance(value, str) else "draft")]


def _seats_forms(value: Any) -> list[Short]:
    return [Short("seats", _assumed_seats if isinstance(value, Mapping) else None)]


def _assumed_seats(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"item": item, **dated} for item, counts in value.items() for dated in _dated(item, counts)]


def _dated(item: str, counts: Any) -> list[Mapping[str, Any]]:
    if not isinstance(counts, list):
        return [{"count": counts}]
    if not all(isinstance(one, Mapping) for one in counts):
        raise NotSugarError(f"{item} must be a number of seats, or a list of {{from: day, count: number}}")
    return counts


def _seat_change(value: Any) -> Any:
    if not isinstance(value, str) or value not in _SEAT_CHANGES:
        raise NotSugarError(f"must be one of {', '.join(_SEAT_CHANGES)}")
    return _SEAT_CHANGES[value]


def _usage_forms(value: Any) -> list[Short]:
    return [Short("usage", _assumed_usage if isinstance(value, Mapping) else None)]


def _assumed_usage(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [_assumed_of(meter, quantity) for meter, quantity in value.items()]


def _assumed_of(meter: str, quantity: Any) -> dict[str, Any]:
    if not isinstance(quantity, Mapping):
        return {"meter": meter, "groups" if isinstance(quantity, list) else "quantity": quantity}
    if set(quantity) != {"events"}:
        raise NotSugarError(f"{meter} must be a quantity, a list of groups, or {{events: [value, …]}}")
    return {"meter": meter, **quantity}


def _components(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise NotSugarError("must map the names by which the formula reads meters to the meters")
    return [{"name": name, "meter": meter} for name, meter in value.items()]


def _hours(value: Any) -> str:
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise NotSugarError("must be a whole number of hours")
    return f"{int(value) * 3600}s"


def _periods(value: Any) -> Any:
    if value == "0":
        raise NotSugarError("must be 1 or more; leave it out for a discount without end")
    return value


_ONE_OR_MORE_TEXTS: Final = {
    "anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]
}

_SEAT_CHANGES: Final = {
    "prorated": "PRORATED",
    "nextPeriod": "NEXT_PERIOD",
    "PRORATED": "PRORATED",
    "NEXT_PERIOD": "NEXT_PERIOD",
}
_ROUNDINGS: Final = {"up": "CEILING", "down": "FLOOR", "halfUp": "HALF_UP", "none": ""}
_QUOTE: Final = "metering.rating.v1.QuotePlanRequest"
_METER: Final = "metering.aggregator.v1.MeterSpec"
_SESSION: Final = "metering.aggregator.v1.Session"
_FILTERS: Final = Short(
    "filters",
    _filters,
    {
        "description": "Property -> value or list of values, all of which must match; or an expression.",
        "anyOf": [{"type": "object", "additionalProperties": _ONE_OR_MORE_TEXTS}, {"type": "string"}],
    },
)


def _property_or_expression(field: str, what: str) -> Short:
    return Short(
        field,
        None,
        {
            "description": f"Property that {what}, or {{expression: …}}.",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "required": ["expression"],
                    "properties": {"expression": {"type": "string"}},
                    "additionalProperties": False,
                },
            ],
        },
    )


_VALUE: Final = _property_or_expression("valueProperty", "holds the value")
_KEY: Final = _property_or_expression("keyProperty", "tells sessions of a customer apart")
_PHASE: Final = _property_or_expression(
    "phaseProperty", "says what an event is to its session: start, stop or heartbeat"
)
_GROUPS: Final = Short(
    "groupBy",
    None,
    {
        "description": "Properties by which usage can be broken down, and {name: …, expression: …} for computed ones.",
        "type": "array",
        "maxItems": 8,
        "uniqueItems": True,
        "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Dimension"}]},
    },
)

_READ: Final = Short(
    "components",
    _components,
    {
        "description": "Name by which the formula reads a meter -> the meter.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 16,
        "additionalProperties": {"type": "string"},
    },
)
_WHEN: Final = Short(
    "when",
    _conditions,
    {
        "description": "Property -> value, list of values, or {prefix: …}; all must hold.",
        "type": "object",
        "additionalProperties": {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "minItems": 1, "items": {"type": "string"}},
                {
                    "type": "object",
                    "required": ["prefix"],
                    "properties": {
                        "prefix": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
                    },
                    "additionalProperties": False,
                },
            ]
        },
    },
)
_LADDER: Final = Short(
    "ladder",
    _upper,
    {
        "description": "Whether rows climb their tiers each by its own quantity (own, default) or together (total).",
        "enum": ["own", "total", "OWN", "TOTAL"],
    },
)
_SCOPE: Final = Short(
    "scope",
    _upper,
    {
        "description": "What the model prices: the quantity of the period (period, default), or each event by itself.",
        "enum": ["period", "event", "PERIOD", "EVENT"],
    },
)
_PRORATION: Final = Short(
    "proration",
    _upper,
    {
        "description": "In a period that is cut short, of a fee, included units, bounds: day, or none (default).",
        "enum": ["day", "none", "DAY", "NONE"],
    },
)
_ONCE: Final = Short(
    "once",
    _upper,
    {
        "description": "Of a fixed fee that is charged once: in the first (start) or the last (end) period.",
        "enum": ["start", "end", "START", "END"],
    },
)
_BILLING: Final = Short(
    "billing",
    _upper,
    {
        "description": "Of a fixed fee: on its own period's invoice (arrears, default), or the one before (advance).",
        "enum": ["arrears", "advance", "ARREARS", "ADVANCE"],
    },
)
_COST: Final = Short(
    "cost",
    _cost,
    {
        "description": "What the item costs the seller, for margins: a price, or {fixed: {amount}} of a fee.",
        "anyOf": [{"$ref": "#/$defs/UsagePrice"}, {"$ref": "#/$defs/ItemCost"}],
    },
)
_TAKES_EFFECT: Final = Short(
    "takesEffect",
    _spelled,
    {
        "description": "Whether a version waits for the next period (withPeriod, default), or turns the running one.",
        "enum": ["withPeriod", "atOnce", "WITH_PERIOD", "AT_ONCE"],
    },
)
_INCREASE: Final = Short(
    "increase",
    _seat_change,
    {
        "description": "From when more seats are charged: prorated, from their day (default), or nextPeriod.",
        "enum": list(_SEAT_CHANGES),
    },
)
_DECREASE: Final = Short(
    "decrease",
    _seat_change,
    {
        "description": "From when fewer seats are charged: nextPeriod (default), or prorated, from their day.",
        "enum": list(_SEAT_CHANGES),
    },
)
_COVERS: Final = Short(
    "items",
    _covered,
    {
        "description": "What counts: contract (all its charges, default), or {items: [names]}.",
        "anyOf": [
            {"enum": ["contract"]},
            {
                "type": "object",
                "required": ["items"],
                "properties": {"items": {"type": "array", "items": {"type": "string"}}},
                "additionalProperties": False,
            },
        ],
    },
)

SHORT_FORMS: Final[Mapping[str, Mapping[str, Short]]] = {
    _METER: {"value": _VALUE, "filter": _FILTERS, "groupBy": _GROUPS},
    "metering.aggregator.v1.EventSchemaSpec": {"from": Short("effectiveFrom")},
    _SESSION: {"key": _KEY, "phase": _PHASE},
    "metering.aggregator.v1.Formula": {"of": _READ, "is": Short("expression")},
    "metering.rating.v1.PlanSpec": {"takesEffect": _TAKES_EFFECT},
    "metering.rating.v1.PlanBound": {"of": Short("items"), "proration": _PRORATION},
    "metering.rating.v1.PlanItem": {
        "price": Short("usage"),
        "proration": _PRORATION,
        "once": _ONCE,
        "billing": _BILLING,
        "cost": _COST,
    },
    "metering.rating.v1.UsagePrice": {"ladder": _LADDER, "scope": _SCOPE},
    "metering.rating.v1.FormulaPrice": {"of": _READ, "is": Short("expression")},
    "metering.rating.v1.MatrixRow": {"when": _WHEN},
    "metering.rating.v1.SeatsPrice": {"increase": _INCREASE, "decrease": _DECREASE},
    "metering.rating.v1.ContractSeats": {"from": Short("start")},
    "metering.rating.v1.ContractPause": {"from": Short("start")},
    "metering.rating.v1.ContractDiscount": {"from": Short("start"), "periods": Short("periods", _periods)},
    "metering.rating.v1.ContractOverride": {"from": Short("start"), "price": Short("usage")},
    "metering.rating.v1.ContractCommitment": {
        "covers": _COVERS,
        "shortfall": Short("shortfall", _upper, {"enum": ["bill", "forfeit", "BILL", "FORFEIT"]}),
        "kind": Short("kind", _upper, {"enum": ["postpaid", "prepaid", "POSTPAID", "PREPAID"]}),
        "onEarlyEnd": Short("onEarlyEnd", _upper, {"enum": ["due", "prorate", "waive", "DUE", "PRORATE", "WAIVE"]}),
    },
    "metering.rating.v1.CommitmentWindow": {"from": Short("start")},
    "metering.rating.v1.PriceTier": {"unit": Short("unitPrice")},
    "metering.rating.v1.Conversion": {
        "round": Short("rounding", _rounding, {"enum": list(_ROUNDINGS)}),
        "to": Short("increment"),
    },
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

STANDS_FOR: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "metering.rating.v1.ContractSpec": ("extends", frozenset({"customer", "timeZone"})),
}
"""Message -> the field that says what some others are, and these: a document that has it leaves them out."""

_MAIN_FIELDS: Final[Mapping[str, str]] = {"metering.rating.v1.PercentagePrice": "rate"}
"""Messages of several fields of which one may stand for the whole: `percentage: "2.9"`."""

ONE_AT_LEAST: Final[Mapping[str, tuple[str, ...]]] = {_METER: ("eventTypes", "formula")}
"""Message -> fields of which it has one, beyond what the contract can say: a meter counts events, or it is computed."""

_FORMS_BY_CONTENT: Final[Mapping[tuple[str, str], Callable[[Any], list[Short]]]] = {
    (_METER, "filter"): _filter_forms,
    (_METER, "value"): _value_forms,
    (_METER, "groupBy"): _group_forms,
    ("metering.rating.v1.MatrixRow", "when"): _when_forms,
    (_QUOTE, "plan"): _plan_forms,
    (_QUOTE, "usage"): _usage_forms,
    (_QUOTE, "seats"): _seats_forms,
    (_SESSION, "key"): _key_forms,
    (_SESSION, "phase"): _phase_forms,
}


def main_field(descriptor: Descriptor) -> FieldDescriptor | None:
    """Return the field whose value may be written in place of the message; None where it has none."""
    if len(descriptor.fields) == 1:
        return descriptor.fields[0]
    return descriptor.fields_by_name.get(_MAIN_FIELDS.get(descriptor.full_name, ""))


def is_list_of_texts(field: FieldDescriptor) -> bool:
    """Whether a field that stands for its message is written as a list."""
    return field.is_repeated and field.message_type is None


def shorts_for(message: str, key: str, content: Any) -> list[Short]:
    """Return what a key of a message stands for: one field or several, some by what is written there."""
    forms = _FORMS_BY_CONTENT.get((message, key))
    return [SHORT_FORMS.get(message, {}).get(key, Short(key))] if forms is None else forms(content)
