"""Many entries applied together: in which order, and how an error says of which entry it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from chassis.errors import FieldViolation, InvalidRequest, MeterlineError, NotFound
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


def names_looked_at(entries: Iterable[CatalogEntry]) -> dict[str, set[str]]:
    """Return the names, by kind, of the entries and of what they refer to."""
    names: dict[str, set[str]] = {kind: set() for kind in ENTRY_KINDS}
    for entry in entries:
        for kind, name in {(entry.kind, entry.name), *references_of(entry)}:
            names[kind].add(name)
    return names


def references_of(entry: CatalogEntry) -> set[tuple[str, str]]:
    """Return what an entry refers to, as kinds and names."""
    match entry.content:
        case PlanDraft() as plan:
            return {("product", name) for name in plan.products}
        case Contract() as contract:
            return {("plan", contract.plan), ("customer", contract.customer)}
        case _:
            return set()


class Faults:
    """Everything that is wrong with the entries of a request, so that a file with five mistakes is mended once."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self._errors: list[tuple[int, str, MeterlineError]] = []
        self._refused: set[tuple[str, str]] = set()

    @contextmanager
    def of(
        self, place: int, kind: str, name: str, references: AbstractSet[tuple[str, str]] = frozenset()
    ) -> Iterator[None]:
        """Keep what is wrong with an entry, unless that is only that it refers to one that was refused itself."""
        try:
            with speaking_of(place, kind, name):
                yield
        except (InvalidRequest, NotFound) as error:
            follows = isinstance(error, NotFound) and not self._refused.isdisjoint(references)
            self._refused.add((kind, name))
            if not follows:
                self._errors.append((place, kind, error))

    def raise_any(self) -> None:
        """Raise what is wrong, if anything is: one fault as it is, several together as InvalidRequest."""
        if not self._errors:
            return
        errors = sorted(self._errors, key=lambda found: found[0])
        first, others = errors[0][2], len(errors) - 1
        if not others:
            raise first
        message = f"{first.message}; and {others} more {'entry is' if others == 1 else 'entries are'} refused"
        violations = tuple(violation for found in errors for violation in _violations(*found))
        # The answer has room for some of them only.
        count = {"violations": str(len(violations))}
        raise InvalidRequest(first.reason, message, violations=violations, metadata={**first.metadata, **count})


def _violations(place: int, kind: str, error: MeterlineError) -> Iterator[FieldViolation]:
    if not error.violations:
        yield FieldViolation(f"entries[{place}].{kind}.spec", error.reason, error.message)
    for violation in error.violations:
        yield FieldViolation(f"entries[{place}].{kind}.{violation.field}", violation.reason, violation.message)


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
