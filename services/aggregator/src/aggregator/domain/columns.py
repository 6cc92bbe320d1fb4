"""Columns of many rows: texts by their place in a dictionary, and exact numbers at one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_INT64_LIMIT: Final = 2**63
_KEY_LIMIT: Final = 2**62
_RADIX_LIMIT: Final = 2**16


@dataclass(frozen=True, slots=True)
class CodedTexts:
    """A text of each row: sorted distinct values, and per row the place of its value among them."""

    values: Sequence[str]
    codes: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.codes)

    def texts(self) -> list[str]:
        """Return the text of each row."""
        return [self.values[code] for code in self.codes.tolist()]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> CodedTexts:
        """Return some of the rows, with a dictionary of what is left."""
        codes = self.codes[rows]
        used, places = np.unique(codes, return_inverse=True)
        if len(used) == len(self.values):
            return CodedTexts(self.values, codes)
        return CodedTexts([self.values[code] for code in used.tolist()], places.astype(np.int64))

    def renamed(self, names: Sequence[str]) -> CodedTexts:
        """Return the rows with other names for the values, several of which may then be the same."""
        values = sorted(set(names))
        code_of = {name: code for code, name in enumerate(values)}
        table = np.fromiter((code_of[name] for name in names), dtype=np.int64, count=len(names))
        return CodedTexts(values, table[self.codes] if len(names) else self.codes)


@dataclass(frozen=True, slots=True)
class ScaledNumbers:
    """A number of each row: units / 10^scale. `units` are int64, or Python integers where those are too small."""

    units: NDArray[np.int64] | NDArray[np.object_]
    scale: int

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> ScaledNumbers:
        """Return some of the rows."""
        return ScaledNumbers(self.units[rows], self.scale)


def no_texts(count: int) -> CodedTexts:
    """Return the empty text for each row."""
    return CodedTexts([""] if count else [], np.zeros(count, dtype=np.int64))


def no_numbers(count: int) -> ScaledNumbers:
    """Return zero for each row."""
    return ScaledNumbers(np.zeros(count, dtype=np.int64), 0)


def joined_texts(parts: Sequence[CodedTexts]) -> CodedTexts:
    """Return the rows of all parts after each other, under one dictionary."""
    values = sorted(set().union(*(part.values for part in parts)))
    code_of = {value: code for code, value in enumerate(values)}
    tables = [
        np.fromiter((code_of[value] for value in part.values), dtype=np.int64, count=len(part.values)) for part in parts
    ]
    codes = [table[part.codes] for table, part in zip(tables, parts, strict=True)]
    return CodedTexts(values, np.concatenate(codes) if codes else np.zeros(0, dtype=np.int64))


def joined_numbers(parts: Sequence[ScaledNumbers]) -> ScaledNumbers:
    """Return the rows of all parts after each other, at the largest scale; wide enough to be added up."""
    scale = max((part.scale for part in parts), default=0)
    factors = [10 ** (scale - part.scale) for part in parts]
    rows = sum(len(part.units) for part in parts)
    largest = max((_largest(part) * factor for part, factor in zip(parts, factors, strict=True)), default=0)
    kind = np.int64 if largest * max(rows, 1) < _INT64_LIMIT else np.object_
    units = [part.units.astype(kind) * factor for part, factor in zip(parts, factors, strict=True)]
    return ScaledNumbers(np.concatenate(units) if units else np.zeros(0, dtype=np.int64), scale)


def _largest(numbers: ScaledNumbers) -> int:
    if not len(numbers.units):
        return 0
    return max(abs(int(numbers.units.max())), abs(int(numbers.units.min())))


def combined(keys: NDArray[np.int64], codes: NDArray[np.int64], codes_end: int) -> NDArray[np.int64]:
    """Append a digit below `codes_end` to mixed-radix keys; what would overflow is renumbered first, in its order."""
    if len(keys) and (int(keys.max()) + 1) * codes_end >= _KEY_LIMIT:
        keys = np.unique(keys, return_inverse=True)[1].astype(np.int64)
        # Times of years, beside as many keys, are too wide even then: so many distinct ones as rows there are fit.
        distinct, places = np.unique(codes, return_inverse=True)
        codes, codes_end = places.astype(np.int64), len(distinct)
    return keys * codes_end + codes


def combined_times(keys: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Append times, of any size, to mixed-radix keys."""
    if not len(times):
        return keys
    first = int(times.min())
    return combined(keys, times - first, int(times.max()) - first + 1)


def sorting(keys: NDArray[np.int64], *, has_runs: bool = False) -> NDArray[np.int64]:
    """Return an order that sorts the keys; `has_runs` says that they are a few sorted runs after each other."""
    if len(keys) and int(keys.max()) < _RADIX_LIMIT:
        # Sixteen bits are sorted by counting, ten times as fast.
        return np.argsort(keys.astype(np.uint16), kind="stable")
    # The stable sort merges runs in about one pass; what has no order is sorted faster by the other one.
    return np.argsort(keys, kind="stable" if has_runs else None)


def distinct_of(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return one row for each distinct key, and per row the place of its key among them."""
    if len(keys) and int(keys.max()) < _RADIX_LIMIT:
        example = np.full(int(keys.max()) + 1, -1, dtype=np.int64)
        example[keys] = np.arange(len(keys))
        is_there = example >= 0
        return example[is_there], (np.cumsum(is_there) - 1)[keys]
    _, examples, places = np.unique(keys, return_index=True, return_inverse=True)
    return examples, places.astype(np.int64)


def run_starts(sorted_keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each run of equal keys begins."""
    if not len(sorted_keys):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate(([True], sorted_keys[1:] != sorted_keys[:-1])))
