"""Many entries applied together: in which order, and how an error says of which entry it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from chassis.errors import FieldViolation, InvalidRequest, MeterlineError, NotFound, Reason
from rating.domain.contracts import Contract
from rating.domain.coupons import Coupon
from rating.domain.customers import Customer
from rating.domain.plans import PlanDraft
from rating.domain.products import Product

ENTRY_KINDS: Final = ("product", "plan", "customer", "contract", "coupon")
"""What is referred to comes before what refers to it."""


CHANGES_MAX: Final = 200
"""Most new versions of contracts, and of plans, whose changes are told; the rest is counted."""

_MISSING: Final = {
    Reason.PRODUCT_NOT_FOUND: "product",
    Reason.PLAN_NOT_FOUND: "plan",
    Reason.CUSTOMER_NOT_FOUND: "customer",
    Reason.CONTRACT_NOT_FOUND: "contract",
}
"""Of which kind is what is missing."""


@dataclass(frozen=True, slots=True)
class UnfitContract:
    """A contract that is refused already. What it refers to is looked for all the same, to tell all faults at once."""

    customer: str
    plan: str


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """An entry of a catalog, of one of `ENTRY_KINDS`, with its content; `place` is where it stands, from 0."""

    place: int
    kind: str
    name: str
    content: Product | PlanDraft | Customer | Contract | Coupon | UnfitContract


def in_order(entries: Sequence[CatalogEntry]) -> list[CatalogEntry]:
    """Return the entries in the order in which they are applied.

    Sorted by name too: two catalogs that are applied at the same time lock their entries in the same order.
    """
    return sorted(entries, key=lambda entry: (ENTRY_KINDS.index(entry.kind), _is_add_on(entry), entry.name))


def _is_add_on(entry: CatalogEntry) -> bool:
    return isinstance(entry.content, Contract) and bool(entry.content.extends)


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
        case Customer(parent=parent) if parent:
            return {("customer", parent)}
        case Contract(extends=base) as contract if base:
            return {("plan", contract.plan), ("customer", contract.customer), ("contract", base)}
        case Contract() | UnfitContract() as contract:
            return {("plan", contract.plan), ("customer", contract.customer)}
        case _:
            return set()


class Faults:
    """Everything that is wrong with the entries of a request, so that a file with five mistakes is mended once."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self._errors: list[tuple[int, str, MeterlineError]] = []
        self._refused: set[tuple[str, str]] = set()

    def of(self, place: int, kind: str, name: str, references: AbstractSet[tuple[str, str]] = frozenset()) -> _Keeping:
        """Keep what is wrong with an entry, but not that it refers to one that was refused itself."""
        return _Keeping(self, place, kind, name, references)

    def keep(
        self, place: int, kind: str, name: str, references: AbstractSet[tuple[str, str]], error: MeterlineError
    ) -> None:
        """Keep an error of an entry, as `of` does."""
        refused = {of for of, its_name in references if (of, its_name) in self._refused}
        self._refused.add((kind, name))
        own = _without_missing(error, refused, f"{kind} {name!r}: ")
        if own is not None:
            self._errors.append((place, kind, own))

    def raise_any(self) -> None:
        """Raise what is wrong, if anything is: one fault as it is, several together as InvalidRequest."""
        if not self._errors:
            return
        errors = sorted(self._errors, key=lambda found: found[0])
        first, others = errors[0][2], len({place for place, _, _ in errors}) - 1
        if len(errors) == 1:
            raise first
        message = "; ".join(error.message for place, _, error in errors if place == errors[0][0])
        if others:
            message = f"{message}; and {others} more {'entry is' if others == 1 else 'entries are'} refused"
        violations = tuple(violation for found in errors for violation in _violations(*found))
        # The answer has room for some of them only.
        count = {"violations": str(len(violations))}
        raise InvalidRequest(first.reason, message, violations=violations, metadata={**first.metadata, **count})


def _without_missing(error: MeterlineError, refused: AbstractSet[str], whose: str) -> MeterlineError | None:
    """Return an error without what it says of missing entries of the kinds `refused`; None if it says nothing else."""
    if not refused:
        return error
    if not error.violations:
        return None if _MISSING.get(error.reason) in refused else error
    own = tuple(violation for violation in error.violations if _MISSING.get(violation.reason) not in refused)
    if len(own) == len(error.violations):
        return error
    if not own:
        return None
    message = whose + "; ".join(f"{violation.field}: {violation.message}" for violation in own)
    return InvalidRequest(own[0].reason, message, violations=own, metadata=error.metadata)


def _violations(place: int, kind: str, error: MeterlineError) -> Iterator[FieldViolation]:
    if not error.violations:
        yield FieldViolation(f"entries[{place}].{kind}.spec", error.reason, error.message)
    for violation in error.violations:
        yield FieldViolation(f"entries[{place}].{kind}.{violation.field}", violation.reason, violation.message)


class _Keeping:
    # A class, not a generator: each entry of a catalog comes through it twice.
    __slots__ = ("_entry", "_faults", "_references")

    def __init__(
        self, faults: Faults, place: int, kind: str, name: str, references: AbstractSet[tuple[str, str]]
    ) -> None:
        self._faults = faults
        self._entry = (place, kind, name)
        self._references = references

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, MeterlineError):
            return False
        spoken = _speaking_of(*self._entry, error)
        if not isinstance(error, InvalidRequest | NotFound):
            raise spoken from error
        spoken.__cause__ = error
        self._faults.keep(*self._entry, self._references, spoken)
        return True


def _speaking_of(place: int, kind: str, name: str, error: MeterlineError) -> MeterlineError:
    """Return an error that says of which entry it speaks."""
    return type(error)(
        error.reason,
        f"{kind} {name!r}: {error.message}",
        violations=error.violations,
        retry_after_s=error.retry_after_s,
        metadata={**error.metadata, "entry": str(place)},
    )
