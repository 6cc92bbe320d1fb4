"""Expressions over many events at once. Needs numpy.

A column is a dictionary of distinct values and a code per row. Each function is computed once for each combination of
its arguments that occurs, by the very code that computes it for one row; so both always agree, and a filter over
a million events of a hundred kinds computes a hundred times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from expressions.evaluation import apply_of, computed_arguments
from expressions.functions import OF_SECONDS
from expressions.functions.times import SECOND_US
from expressions.tree import Call, Name, Property
from money import exact_arithmetic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expressions.functions.function import Apply
    from expressions.tree import Expression, Node, Value

_KEYS_MAX: Final = 2**62
_TABLE_MIN: Final = 2**16
_GATHERED_MAX: Final = 2**16
"""Most combinations whose equal results are brought together; what is as varied as that stays varied."""


@dataclass(frozen=True, slots=True)
class Column:
    """Values of many rows: `values[code]`, where None stands for absent. `codes` None: all rows have the only value.

    A value may have several codes, and some that no row has may be there.
    """

    values: Sequence[Value | None]
    codes: NDArray[np.int64] | None = None


class Columns(Protocol):
    """Many events as an expression reads them."""

    def field(self, name: str) -> Column | NDArray[np.int64]:
        """Return a field by the name that the environment declares; instants may come as they are, in microseconds."""
        ...

    def property(self, key: str) -> Column:
        """Return a property."""
        ...


def evaluate_columns(expression: Expression, columns: Columns) -> Column:
    """Evaluate an expression that was checked for all rows at once. Raises nothing, whatever the rows hold."""
    with exact_arithmetic():
        return _column(expression.root, columns)


def _column(node: Node, columns: Columns) -> Column:
    if isinstance(node, Call):
        return _computed(node, columns)
    if isinstance(node, Name):
        return _distinct(columns.field(node.value))
    if isinstance(node, Property):
        return columns.property(node.value)
    return Column((node.value,))


def _computed(call: Call, columns: Columns) -> Column:
    if call.function in OF_SECONDS:
        arguments = [_in_seconds(call.arguments[0], columns)]
    else:
        arguments = [_column(argument, columns) for argument in computed_arguments(call)]
    apply = apply_of(call)
    varied = [argument for argument in arguments if argument.codes is not None]
    if not varied:
        return Column((apply(*[argument.values[0] for argument in arguments]),))
    chosen, inverse = _combinations(varied)
    cells = iter(chosen)
    occurring = [
        [argument.values[0]] * len(chosen[0])
        if argument.codes is None
        else [argument.values[code] for code in next(cells).tolist()]
        for argument in arguments
    ]
    return _gathered(apply, occurring, inverse)


def _in_seconds(node: Node, columns: Columns) -> Column:
    """Return a column of instants in which all instants of a second are one: most events have a time of their own."""
    found = columns.field(node.value) if isinstance(node, Name) else _column(node, columns)
    return found if isinstance(found, Column) else _distinct(found // SECOND_US * SECOND_US)


def _distinct(found: Column | NDArray[np.int64]) -> Column:
    if isinstance(found, Column):
        return found
    values, codes = np.unique(found, return_inverse=True)
    return Column(values.tolist(), codes.astype(np.int64))


def _combinations(varied: Sequence[Column]) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Return the codes of the combinations that occur, column by column, and for each row the number of its own."""
    first = varied[0]
    chosen, inverse = [np.arange(len(first.values), dtype=np.int64)], _codes(first)
    for column in varied[1:]:
        radix = len(column.values)
        if len(chosen[0]) * radix >= _KEYS_MAX:
            raise OverflowError("more combinations of values than any batch of events has")
        keys, inverse = _occurring(inverse * radix + _codes(column), len(chosen[0]) * radix)
        places, codes = np.divmod(keys, radix)
        chosen = [*(part[places] for part in chosen), codes]
    return chosen, inverse


def _occurring(keys: NDArray[np.int64], end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct keys, all below `end`, and for each row the number of its own."""
    if end > max(_TABLE_MIN, 2 * len(keys)):
        distinct, inverse = np.unique(keys, return_inverse=True)
        return distinct, inverse.astype(np.int64)
    # A table is looked up many times faster than keys are sorted.
    numbers = np.zeros(end, dtype=np.int64)
    numbers[keys] = 1
    distinct = np.flatnonzero(numbers)
    numbers[distinct] = np.arange(len(distinct), dtype=np.int64)
    return distinct, numbers[keys]


def _gathered(apply: Apply, occurring: Sequence[Sequence[Value | None]], inverse: NDArray[np.int64]) -> Column:
    """Compute each combination once, and give equal results one code where that is worth the while."""
    if len(occurring[0]) > _GATHERED_MAX:
        return Column(list(map(apply, *occurring)), inverse)
    code_of: dict[Value | None, int] = {}
    codes = [code_of.setdefault(apply(*values), len(code_of)) for values in zip(*occurring, strict=True)]
    return Column(list(code_of), np.array(codes, dtype=np.int64)[inverse])


def _codes(column: Column) -> NDArray[np.int64]:
    if column.codes is None:
        raise ValueError("a column of one value has no codes")
    return column.codes
