"""Value texts to exact numbers: `12.5` is the integer 125 at scale 1, so that sums never round."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.batch import spread
from aggregator.domain.readings import ABSENT
from eventlog.columns import TextColumn
from money import exact_arithmetic
from money.decimals import CHARACTERS_MAX, INPUT, InvalidDecimalError, parse_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aggregator.domain.batch import Batch
    from aggregator.domain.readings import Reading
    from expressions import Value
    from expressions.columns import Column

# Zeros at the end of the fraction are left out of it: they would only widen the whole batch's scale.
_DECIMAL: Final = re.compile(
    rf"(-?(?:0|[1-9][0-9]{{0,{INPUT.integer_digits_max - 1}}}))"
    rf"(?:\.(?:0+|([0-9]{{0,{INPUT.fraction_digits_max - 1}}}[1-9])0*))?",
    re.ASCII,
)
_POWERS: Final = [10**exponent for exponent in range(INPUT.fraction_digits_max + 1)]
_INT64_LIMIT: Final = 2**63
_CACHED_TEXTS: Final = 65_536

VALUE_OK: Final = 0
VALUE_MISSING: Final = 1
VALUE_INVALID: Final = 2


@lru_cache(maxsize=_CACHED_TEXTS)
def parse_units(text: str) -> tuple[int, int] | None:
    """Read a decimal as (units, least scale), meaning units / 10^scale; None if it isn't one within the limits.

    Accepts exactly what `money.parse_decimal` accepts with the limits of an event's value, several times faster.
    """
    match = _DECIMAL.fullmatch(text) if len(text) <= CHARACTERS_MAX else None
    if match is None:
        return None
    whole, fraction = match.groups()
    if fraction is None:
        return int(whole), 0
    return int(whole + fraction), len(fraction)


def why_invalid(text: str) -> str:
    """Say for people why a value text can't be read."""
    try:
        parse_decimal(text, INPUT)
    except InvalidDecimalError as problem:
        return problem.message
    message = f"{text!r} is a valid decimal"
    raise ValueError(message)


@dataclass(frozen=True, slots=True)
class ScaledColumn:
    """A value property over a whole batch: per event its number as units / 10^scale, and whether it could be read.

    `units` are int64 when every possible sum over the batch fits, Python integers otherwise.
    """

    units: NDArray[np.int64] | NDArray[np.object_]
    states: NDArray[np.int64]
    scale: int

    @property
    def all_readable(self) -> bool:
        """True when every event has a value."""
        return not self.states.any()


def scaled_column(batch: Batch, reading: Reading) -> ScaledColumn:
    """Read the value of all events as numbers at one scale. Each distinct text of a segment is read once."""
    column = batch.numbers.get(reading)
    if column is None:
        column = batch.numbers[reading] = _scaled_column(batch, reading)
    return column


def _scaled_column(batch: Batch, reading: Reading) -> ScaledColumn:
    if reading.expression:
        return _computed_column(batch.computed(reading.expression), len(batch))
    mended = batch.mended(reading.key)
    if mended is not None:
        return _read_texts([TextColumn(mended.values[1:], mended.codes.astype(np.uint32))], [len(batch)])
    return _read_texts(batch.property_columns(reading.key), batch.counts)


def _read_texts(columns: Sequence[TextColumn], counts: Sequence[int]) -> ScaledColumn:
    parsed = [[parse_units(text) for text in column.values] for column in columns]
    states = [_states(column.values, numbers) for column, numbers in zip(columns, parsed, strict=True)]
    scale = max((number[1] for numbers in parsed for number in numbers if number is not None), default=0)
    units = [
        [0, *(0 if number is None else number[0] * _POWERS[scale - number[1]] for number in numbers)]
        for numbers in parsed
    ]
    largest = max(abs(number) for table in units for number in table)
    read_states = spread(states, columns, counts)
    if largest * sum(counts) < _INT64_LIMIT:
        small = spread([np.array(table, dtype=np.int64) for table in units], columns, counts)
        return ScaledColumn(small, read_states, scale)
    large = spread([np.array(table, dtype=np.object_) for table in units], columns, counts)
    return ScaledColumn(large, read_states, scale)


def _states(texts: Sequence[str], numbers: Sequence[tuple[int, int] | None]) -> NDArray[np.int64]:
    states = [VALUE_MISSING]
    for text, number in zip(texts, numbers, strict=True):
        if number is not None:
            states.append(VALUE_OK)
        else:
            states.append(VALUE_MISSING if text == ABSENT else VALUE_INVALID)
    return np.array(states, dtype=np.int64)


def _computed_column(column: Column, count: int) -> ScaledColumn:
    """Return computed decimals at one scale; those with more digits than a value may have can't be read."""
    with exact_arithmetic():
        numbers = [None if value is None else _fitting(value) for value in column.values]
        scale = max((number[1] for number in numbers if number is not None), default=0)
        units = [0 if number is None else int(number[0].scaleb(scale)) for number in numbers]
    faults = [VALUE_MISSING if value is None else VALUE_INVALID for value in column.values]
    states = [fault if number is None else VALUE_OK for fault, number in zip(faults, numbers, strict=True)]
    codes = np.zeros(count, dtype=np.int64) if column.codes is None else column.codes
    read_states = np.array(states, dtype=np.int64)[codes]
    if max(map(abs, units), default=0) * count < _INT64_LIMIT:
        return ScaledColumn(np.array(units, dtype=np.int64)[codes], read_states, scale)
    return ScaledColumn(np.array(units, dtype=np.object_)[codes], read_states, scale)


def _fitting(value: Value) -> tuple[Decimal, int] | None:
    """Return a decimal and its places; None if it has more digits than `parse_units` takes."""
    number = Decimal(value)
    places = _places(number)
    if places > INPUT.fraction_digits_max:
        number = number.normalize()
        places = _places(number)
    if places > INPUT.fraction_digits_max or (number and number.adjusted() >= INPUT.integer_digits_max):
        return None
    return number, max(places, 0)


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
