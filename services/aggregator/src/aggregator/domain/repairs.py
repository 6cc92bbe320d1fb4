"""Mending events when they are read, as their schema says: one event, or the columns of a batch, by the same rules.

The log keeps events as they came. A test holds the two ways to the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.batch import BatchColumn
from aggregator.domain.readings import ABSENT
from aggregator.domain.schemas import Alias, Default, LowerCase, Trim, Unit
from aggregator.domain.values import parse_units
from money.decimals import INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from aggregator.domain.batch import Batch
    from aggregator.domain.schemas import Repair

_TEXT_BYTES_MAX: Final = 256
"""Longest text of a property; what would become longer stays as it is."""
_FRACTION_MAX: Final = INPUT.fraction_digits_max
_WHOLE_LIMIT: Final = 10**INPUT.integer_digits_max
NO_FAULT: Final = -1


@dataclass(frozen=True, slots=True)
class RepairedProperty:
    """A property as it came and as it is read; empty where it is absent."""

    property: str
    before: str
    after: str


def differences(logged: Mapping[str, str], read: Mapping[str, str]) -> list[RepairedProperty]:
    """Return the properties that are read otherwise than they came, by key."""
    pairs = ((key, logged.get(key, ABSENT), read.get(key, ABSENT)) for key in sorted({*logged, *read}))
    return [RepairedProperty(key, before, after) for key, before, after in pairs if before != after]


def repaired(properties: Mapping[str, str], repairs: Sequence[Repair]) -> tuple[dict[str, str], int]:
    """Return what one event's properties are read as, and the number of the first repair that failed, or NO_FAULT."""
    read = {key: text for key, text in properties.items() if text != ABSENT}
    failed = NO_FAULT
    for number, repair in enumerate(repairs):
        if not _repair(read, repair) and failed == NO_FAULT:
            failed = number
    return read, failed


def _repair(read: dict[str, str], repair: Repair) -> bool:
    """Apply one repair; return False if it failed."""
    match repair:
        case Trim(key) | LowerCase(key):
            if key in read:
                _put(read, key, _text_repair(repair)(read[key]))
        case Default(key, value):
            read.setdefault(key, value)
        case Alias(key, names):
            name = next((name for name in names if name in read), None)
            if key not in read and name is not None:
                read[key] = read.pop(name)
        case Unit(key, factor, to):
            if key not in read or (to != key and to in read):
                return True
            product = multiplied(read[key], factor)
            if product is None:
                return False
            del read[key]
            read[to] = product
    return True


def _put(read: dict[str, str], key: str, text: str) -> None:
    if text == ABSENT:
        del read[key]
    else:
        read[key] = text


def _text_repair(repair: Trim | LowerCase) -> Callable[[str], str]:
    return str.strip if isinstance(repair, Trim) else _lower


def _lower(text: str) -> str:
    lower = text.lower()
    return lower if len(lower.encode()) <= _TEXT_BYTES_MAX else text


def multiplied(text: str, factor: str) -> str | None:
    """Return the exact product of two decimals, without zeros at its end; None if it is no input that may be sent."""
    number, other = parse_units(text), parse_units(factor)
    if number is None or other is None:
        return None
    units, scale = number[0] * other[0], number[1] + other[1]
    while scale and not units % 10:
        units, scale = units // 10, scale - 1
    if scale > _FRACTION_MAX or abs(units) >= _WHOLE_LIMIT * 10**scale:
        return None
    digits = str(abs(units)).rjust(scale + 1, "0")
    plain = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"-{plain}" if units < 0 else plain


@dataclass(slots=True)
class _Open:
    """A column that is being mended: values, the first of which is the absent one, and the code of each event."""

    values: list[str]
    codes: NDArray[np.int64]
    code_of: dict[str, int] = field(default_factory=dict)

    def code(self, text: str) -> int:
        """Return the code of a text, which may be new."""
        found = self.code_of.get(text)
        if found is None:
            found = self.code_of[text] = len(self.values)
            self.values.append(text)
        return found

    def used(self, rows: NDArray[np.int64]) -> list[int]:
        """Return the codes that occur in rows, the absent one left out."""
        found = np.flatnonzero(np.bincount(self.codes[rows], minlength=1))
        used: list[int] = found[found != 0].tolist()
        return used


class ColumnRepairs:
    """Mends the columns of a batch, schema after schema, each in rows of its own."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._open: dict[str, _Open] = {}
        self._failed: NDArray[np.int64] | None = None

    def apply(self, repairs: Sequence[Repair], rows: NDArray[np.int64]) -> None:
        """Apply the repairs of one schema to some rows, all of which it reads."""
        for number, repair in enumerate(repairs):
            self._apply(number, repair, rows)

    @property
    def failed(self) -> NDArray[np.int64] | None:
        """Per event the number of the first repair of its schema that failed, or NO_FAULT; None where none did."""
        return self._failed

    def columns(self) -> dict[str, BatchColumn]:
        """Return the columns that were mended, by key."""
        return {key: _closed(column) for key, column in self._open.items()}

    def _apply(self, number: int, repair: Repair, rows: NDArray[np.int64]) -> None:
        match repair:
            case Trim(key) | LowerCase(key):
                self._map(self._column(key), rows, _text_repair(repair))
            case Default(key, value):
                column = self._column(key)
                column.codes[rows[column.codes[rows] == 0]] = column.code(value)
            case Alias(key, names):
                for name in names:
                    self._move(self._column(name), self._column(key), rows, lambda text: text)
            case Unit(key, factor, to):
                failing = self._move(self._column(key), self._column(to), rows, lambda text: multiplied(text, factor))
                self._fail(number, failing)

    def _column(self, key: str) -> _Open:
        column = self._open.get(key)
        if column is None:
            found = self._batch.logged(key)
            code_of = {text: code for code, text in enumerate(found.values)}
            column = self._open[key] = _Open(list(found.values), found.codes.copy(), code_of)
        return column

    @staticmethod
    def _map(column: _Open, rows: NDArray[np.int64], change: Callable[[str], str]) -> None:
        table = np.arange(len(column.values), dtype=np.int64)
        for code in column.used(rows):
            table[code] = column.code(change(column.values[code]))
        column.codes[rows] = table[column.codes[rows]]

    @staticmethod
    def _move(
        source: _Open, target: _Open, rows: NDArray[np.int64], change: Callable[[str], str | None]
    ) -> NDArray[np.int64]:
        """Move what can be changed to where there is nothing yet; return the rows in which it can't be changed."""
        moved = rows[source.codes[rows] != 0]
        if target is not source:
            moved = moved[target.codes[moved] == 0]
        table = np.zeros(len(source.values), dtype=np.int64)
        for code in source.used(moved):
            text = change(source.values[code])
            table[code] = 0 if text is None else target.code(text)
        codes = table[source.codes[moved]]
        done = moved[codes != 0]
        if target is not source:
            source.codes[done] = 0
        target.codes[done] = codes[codes != 0]
        failing: NDArray[np.int64] = moved[codes == 0]
        return failing

    def _fail(self, number: int, rows: NDArray[np.int64]) -> None:
        if not len(rows):
            return
        if self._failed is None:
            self._failed = np.full(len(self._batch), NO_FAULT, dtype=np.int64)
        self._failed[rows[self._failed[rows] == NO_FAULT]] = number


def _closed(column: _Open) -> BatchColumn:
    """Return a column as meters read it: its values sorted, without those that nothing uses any more."""
    used = np.flatnonzero(np.bincount(column.codes, minlength=1)).tolist()
    values = sorted({ABSENT, *(column.values[code] for code in used)})
    code_of = {value: code for code, value in enumerate(values)}
    table = np.zeros(len(column.values), dtype=np.int64)
    for code in used:
        table[code] = code_of[column.values[code]]
    return BatchColumn(values, table[column.codes])
