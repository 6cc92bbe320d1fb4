"""Whether what is shown is what an invoice bills: told only of answers that reflect the same part of the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Generic, TypeVar

from portal.domain.exploring import EqualLine

if TYPE_CHECKING:
    from portal.domain.invoices import Invoice

LineType = TypeVar("LineType", bound=EqualLine)


@dataclass(frozen=True, slots=True)
class Billed(Generic[LineType]):
    """A line without its verdict, and the places in the log that the drafts reflect from which it was read."""

    line: LineType
    as_of: frozenset[str]

    def verdict(self, total: Decimal, as_of: str) -> LineType | None:
        """Return the line with its verdict on a total; None where events were counted between the two answers.

        Equal numbers need no proof that they are of one moment. Unequal ones do: else a page would call a bill wrong
        only because its customer is busy.
        """
        equals = self.line.quantity == total
        if not equals and self.as_of - {as_of}:
            return None
        return self.line.model_copy(update={"equals": equals})

    def is_settled(self, total: Decimal, as_of: str) -> bool:
        """Whether it is no use to ask again: the numbers are equal, or the bill is final.

        A draft that differs is asked for once more even at an equal place: an answer of several meters names the place
        that all of them have reached, and may hold more of some.
        """
        verdict = self.verdict(total, as_of)
        return verdict is not None and (verdict.equals or not self.as_of)


def places_of(invoices: Iterable[Invoice]) -> frozenset[str]:
    """Return the places in the log that drafts reflect. A final invoice stays as it is, whatever is counted."""
    return frozenset(invoice.as_of for invoice in invoices if invoice.status != "final")
