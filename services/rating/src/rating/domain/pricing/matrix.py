"""A model chosen by the values of properties."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, Exact, total
from rating.domain.cells import Cells, Values
from rating.domain.pricing.model import PriceModel, check_not_negative
from rating.domain.pricing.rows import Words
from rating.domain.pricing.spread import Ladder, Part, Spread, check_properties, value_said

OTHERWISE: Final = "otherwise"
_SAID_MAX: Final = 4
"""So many values of a row are named, and so many rows worked out in examples."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Which values of a property: some of them, or those that begin somehow."""

    key: str
    values: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a condition without values, or with both kinds."""
        if bool(self.values) == bool(self.prefixes):
            raise Refused("values", Reason.PRICE_INVALID, "name values or prefixes, one of both")
        if "" in self.prefixes:
            raise Refused("prefixes", Reason.PRICE_INVALID, "every value begins so; leave the property out instead")

    def reach(self, value: str) -> int | None:
        """Return how many characters a prefix matches of a value, 0 of one that is named; None: no match."""
        if self.prefixes:
            return max((len(prefix) for prefix in self.prefixes if value.startswith(prefix)), default=None)
        return 0 if value in self.values else None

    def covers(self, other: Condition, *, longest_wins: bool) -> bool:
        """Whether no value is left to the other one. `longest_wins`: of two prefixes the longer one does."""
        if self.values:
            return bool(other.values) and set(other.values) <= set(self.values)
        if other.prefixes and longest_wins:
            return set(other.prefixes) <= set(self.prefixes)
        return all(value.startswith(self.prefixes) for value in other.values or other.prefixes)

    @property
    def said(self) -> str:
        """It in words."""
        named = [value_said(value) for value in self.values] or [f"{prefix}…" for prefix in self.prefixes]
        more = len(named) - _SAID_MAX
        tail = f" or {more} more" if more > 0 else ""
        return f"{self.key} {' or '.join(named[:_SAID_MAX])}{tail}"


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """What costs how much: usage for which all conditions hold. `included` is of this row alone."""

    when: tuple[Condition, ...]
    model: PriceModel
    included: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse a row that names a property twice, and what can't be in one."""
        names = [condition.key for condition in self.when]
        for place, name in enumerate(names):
            if name in names[:place]:
                text = f"{name!r} stands twice; write all its values once"
                raise Refused(f"when[{place}].property", Reason.PRICE_INVALID, text)
        if self.included is not None:
            check_not_negative("included", self.included)

    @property
    def label(self) -> str:
        """It in words."""
        return ", ".join(condition.said for condition in self.when) or OTHERWISE

    @property
    def prefixed(self) -> frozenset[str]:
        """The properties of which it has prefixes."""
        return frozenset(condition.key for condition in self.when if condition.prefixes)

    def reach(self, group: dict[str, str]) -> int | None:
        """Return how many characters its prefixes match; None where a condition does not hold."""
        matched = 0
        for condition in self.when:
            found = condition.reach(group[condition.key])
            if found is None:
                return None
            matched += found
        return matched

    def covers(self, other: MatrixRow) -> bool:
        """Whether it takes all that a later row could have."""
        longest_wins = bool(self.prefixed) and self.prefixed == other.prefixed
        theirs = {condition.key: condition for condition in other.when}
        return all(
            condition.key in theirs and condition.covers(theirs[condition.key], longest_wins=longest_wins)
            for condition in self.when
        )


@dataclass(frozen=True, slots=True)
class Matrix(Spread):
    """Rows, of which the first that matches has the usage; the model of the price itself is that of `otherwise`.

    Of rows that match by prefixes of the same properties, the one with the longest prefixes has it.
    """

    rows: tuple[MatrixRow, ...]
    otherwise_included: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse rows that name other properties, and those that nothing is left to."""
        check_properties("by", self.by)
        if not self.rows:
            raise Refused("rows", Reason.FIELD_REQUIRED, "write at least one row, or the model without a matrix")
        for place, row in enumerate(self.rows):
            self._check(place, row)

    def _check(self, place: int, row: MatrixRow) -> None:
        if not row.when:
            text = "say for which values the row is; what costs the same for all others stands in otherwise"
            raise Refused(f"rows[{place}].when", Reason.FIELD_REQUIRED, text)
        for at, condition in enumerate(row.when):
            if condition.key not in self.by:
                text = f"{condition.key!r} is not in by, which has {', '.join(map(repr, self.by))}; add it there"
                raise Refused(f"rows[{place}].when[{at}].property", Reason.PRICE_INVALID, text)
        for earlier, other in enumerate(self.rows[:place]):
            if other.covers(row):
                text = f"never matches: rows[{earlier}] before it has all of its values; move it up, or leave it out"
                raise Refused(f"rows[{place}].when", Reason.PRICE_INVALID, text)

    @property
    def models(self) -> Sequence[PriceModel]:
        """Those of the rows."""
        return [row.model for row in self.rows]

    @property
    def has_own_included(self) -> bool:
        """Whether a row has units of its own that are included."""
        return any(row.included for row in self.rows) or bool(self.otherwise_included)

    def key_of(self, values: Values) -> Hashable:
        """Return the place of the row that has usage of these values; as many as there are rows: otherwise."""
        group = dict(zip(self.by, values, strict=True))
        matching = [(place, reach) for place, row in enumerate(self.rows) if (reach := row.reach(group)) is not None]
        if not matching:
            return len(self.rows)
        first, _ = matching[0]
        prefixed = self.rows[first].prefixed
        if not prefixed:
            return first
        alike = [(place, reach) for place, reach in matching if self.rows[place].prefixed == prefixed]
        return max(alike, key=lambda one: (one[1], -one[0]))[0]

    def parts(self, cells: Cells, model: PriceModel) -> Sequence[Part]:
        """Return a part for each row that has usage, in the order of the rows."""
        found: dict[int, Exact] = {}
        for cell in cells.cells:
            place = self.key_of(cell.values)
            if isinstance(place, int):
                found[place] = total((found.get(place, ZERO), cell.billed))
        otherwise = MatrixRow((), model, self.otherwise_included)
        rows = (*self.rows, otherwise)
        return [
            Part(place, rows[place].label, rows[place].model, found[place], rows[place].included)
            for place in sorted(found)
        ]

    def introduced(self) -> str:
        """Return by which properties the price goes."""
        together = " All rows climb their tiers together." if self.ladder is Ladder.TOTAL else ""
        return f"The price goes by {' and '.join(self.by)}.{together}"

    def said(self, model: PriceModel, words: Words) -> Iterator[str]:
        """Yield the price of every row."""
        for row in (*self.rows, MatrixRow((), model, self.otherwise_included)):
            included = f"the first {words.units(row.included)} of a period are included. " if row.included else ""
            yield f"{row.label[:1].upper()}{row.label[1:]}: {included}{' '.join(row.model.said(words))}"

    def examples(self) -> Sequence[tuple[Values, PriceModel | None, Decimal | None]]:
        """Return values of the first rows, and some that no row has."""
        found: list[tuple[Values, PriceModel | None, Decimal | None]] = []
        for place, row in enumerate(self.rows[:_SAID_MAX]):
            named = {condition.key: (condition.values or condition.prefixes)[0] for condition in row.when}
            values = tuple(named.get(key, "") for key in self.by)
            if self.key_of(values) == place:
                found.append((values, row.model, row.included))
        others = tuple("other" for _ in self.by)
        if self.key_of(others) == len(self.rows):
            found.append((others, None, self.otherwise_included))
        return found
