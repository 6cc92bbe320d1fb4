"""What the customers of generated lives may buy: meters, and three plans in each of three currencies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Document = Mapping[str, Any]

CURRENCIES: Final = ("USD", "JPY", "KWD")
SIZES: Final = ("small", "large", "flat")
METERS: Final[Mapping[str, Document]] = {
    "l-calls": {"eventTypes": ["l.call"], "aggregation": "SUM", "value": "n", "groupBy": ["to"]},
    "l-peak": {"eventTypes": ["l.call"], "aggregation": "MAX", "value": "n"},
    "l-people": {"eventTypes": ["l.call"], "aggregation": "COUNT_UNIQUE", "value": "who"},
}

_PEOPLE: Final[Document] = {"name": "People", "meter": "l-people", "price": {"perUnit": "1.255", "minimum": "3"}}
_SMALL: Final[Document] = {
    "items": [
        {"name": "Base", "fixed": {"amount": "29.99"}, "billing": "advance", "proration": "day"},
        {"name": "Setup", "fixed": {"amount": "15"}, "once": "start"},
        {
            "name": "Calls",
            "meter": "l-calls",
            "price": {
                "graduated": {"tiers": [{"upTo": "100", "unit": "0.10", "flat": "2"}, {"unit": "0.0375"}]},
                "included": "20",
            },
        },
        _PEOPLE,
    ],
    "minimum": {"amount": "60", "proration": "day"},
}
_LARGE: Final[Document] = {
    "items": [
        {"name": "Base", "fixed": {"amount": "99.90"}, "billing": "advance", "proration": "day"},
        {
            "name": "Calls",
            "meter": "l-calls",
            "price": {"perKey": ["to"], "graduated": {"tiers": [{"upTo": "50", "unit": "0.4"}, {"unit": "0.255"}]}},
        },
        _PEOPLE,
        {
            "name": "Peak",
            "meter": "l-peak",
            "price": {"stairstep": {"tiers": [{"upTo": "20", "amount": "7.5"}, {"amount": "45"}]}},
        },
        {"name": "Goodbye", "fixed": {"amount": "7"}, "once": "end"},
    ],
    "maximum": {"amount": "90", "of": ["Calls", "Peak"]},
}
_FLAT: Final[Document] = {
    "items": [
        {"name": "Care", "fixed": {"amount": "40"}, "proration": "day"},
        {"name": "Desk", "fixed": {"amount": "12.5"}},
        {
            "name": "Calls",
            "meter": "l-calls",
            "price": {"package": {"size": "30", "unit": "1.005"}, "maximum": "12.005"},
        },
        {"name": "Peak", "meter": "l-peak", "price": {"perUnit": "0.333"}},
    ],
}


def plan_name(currency: str, size: str) -> str:
    """Return the name of a plan."""
    return f"l-{currency.lower()}-{size}"


PLANS: Final[Mapping[str, Document]] = {
    plan_name(currency, size): {"currency": currency, **plan}
    for currency in CURRENCIES
    for size, plan in zip(SIZES, (_SMALL, _LARGE, _FLAT), strict=True)
}
