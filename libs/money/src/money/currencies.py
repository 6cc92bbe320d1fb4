"""The ISO 4217 currencies and their minor units, from the table shipped in `iso4217.csv`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnknownCurrencyError(ValueError):
    """The code isn't a current ISO 4217 currency, or one in which nothing can be billed."""


@dataclass(frozen=True, slots=True)
class Currency:
    """One currency. `minor_units` is the number of decimal places of its smallest unit: USD 2, JPY 0, KWD 3."""

    code: str
    numeric: str
    minor_units: int
    name: str

    def __str__(self) -> str:
        return self.code


def currency(code: str) -> Currency:
    """Return the currency with an upper-case code such as `USD`. Raises `UnknownCurrencyError`."""
    found = billable_currencies().get(code)
    if found is None:
        message = f"{code[:20]!r} is not an ISO 4217 currency one can bill in; use a code such as USD, EUR or JPY"
        raise UnknownCurrencyError(message)
    return found


@cache
def billable_currencies() -> Mapping[str, Currency]:
    """Return all currencies with a minor unit, by code. Metals, testing codes and units of account have none."""
    text = resources.files("money").joinpath("iso4217.csv").read_text(encoding="utf-8")
    rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    table = {
        code: Currency(code=code, numeric=numeric, minor_units=int(minor_units), name=name)
        for code, numeric, minor_units, name in rows
        if minor_units
    }
    return MappingProxyType(table)
