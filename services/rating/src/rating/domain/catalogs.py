"""Many entries applied together: in which order, and how an error says of which entry it speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from chassis.errors import MeterlineError
from rating.domain.contracts import Contract
from rating.domain.customers import Customer
from rating.domain.plans import PlanDraft
from rating.domain.products import Product

ENTRY_KINDS: Final = ("product", "plan", "customer", "contract")
"""What is referred to comes before what refers to it."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """An entry of a catalog, of one of `ENTRY_KINDS`, with its content; `place` is where it stands, from 0."""

    place: int
    kind: str
    name: str
    content: Product | PlanDraft | Customer | Contract


def in_order(entries: Sequence[CatalogEntry]) -> list[CatalogEntry]:
    """Return the entries in the order in which they are applied.

    Sorted by name too: two catalogs that are applied at the same time lock their entries in the same order.
    """
    return sorted(entries, key=lambda entry: (ENTRY_KINDS.index(entry.kind), entry.name))


@contextmanager
def speaking_of(place: int, kind: str, name: str) -> Iterator[None]:
    """Let any error in the block say of which entry it speaks."""
    try:
        yield
    except MeterlineError as error:
        raise type(error)(
            error.reason,
            f"{kind} {name!r}: {error.message}",
            violations=error.violations,
            retry_after_s=error.retry_after_s,
            metadata={**error.metadata, "entry": str(place)},
        ) from error
