"""How the usage of an item is spread over what is priced by itself: the rows of a matrix, or the values of a key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import Exact
from rating.domain.cells import Cells, Values
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import Words

PROPERTIES_MAX: Final = 8
"""Most properties by which a meter groups."""


class Ladder(StrEnum):
    """By which quantity tiers are climbed: each row by its own, or all by their common one."""

    OWN = "OWN"
    TOTAL = "TOTAL"


@dataclass(frozen=True, slots=True)
class Part:
    """Usage that is priced by itself. `key` tells it from the others, `label` names it for people."""

    key: Hashable
    label: str
    model: PriceModel
    quantity: Exact
    included: Decimal | None = None
    """Units of this part alone that cost nothing."""


@dataclass(frozen=True, slots=True)
class Spread(ABC):
    """By which properties usage is told apart, and how it then falls into parts."""

    by: tuple[str, ...]
    ladder: Ladder

    @property
    @abstractmethod
    def models(self) -> Sequence[PriceModel]:
        """The models of all parts that there may be, but for that of the price itself."""
        ...

    @abstractmethod
    def key_of(self, values: Values) -> Hashable:
        """Return in which part usage with these values falls."""
        ...

    @abstractmethod
    def parts(self, cells: Cells, model: PriceModel) -> Sequence[Part]:
        """Return the parts of usage, which is told by `by`, in the order in which they are told."""
        ...

    @abstractmethod
    def introduced(self) -> str:
        """Return in a sentence by what the price goes."""
        ...

    @abstractmethod
    def said(self, model: PriceModel, words: Words) -> Iterator[str]:
        """Yield the price in plain sentences; `model` is that of the price itself."""
        ...

    @abstractmethod
    def examples(self) -> Sequence[tuple[Values, PriceModel | None, Decimal | None]]:
        """Return values at which the price is worth looking at, with their model (None: that of the price itself).

        And the units of the part that are included.
        """
        ...


def check_properties(field: str, by: Sequence[str]) -> None:
    """Refuse no properties, too many, and one that is named twice."""
    if not by:
        raise Refused(field, Reason.FIELD_REQUIRED, "name the properties by which usage is priced")
    if len(by) > PROPERTIES_MAX:
        raise Refused(field, Reason.PRICE_INVALID, f"a meter groups by at most {PROPERTIES_MAX} properties")
    for place, name in enumerate(by):
        if name in by[:place]:
            raise Refused(f"{field}[{place}]", Reason.PRICE_INVALID, f"{name!r} stands twice; write it once")


def value_said(value: str) -> str:
    """Return a value of a property for people."""
    return value or "(none)"
