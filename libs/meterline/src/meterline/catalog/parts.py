"""A large catalog in parts, each of which stands on its own: with each customer come all its contracts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from meterline.catalog.files import Entry

PART_ENTRIES_MAX: Final = 1_000
PART_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """Entries that are applied together. `needed` are entries of earlier parts that they refer to."""

    entries: Sequence[Entry]
    needed: Sequence[Entry] = ()

    def without(self, refused: AbstractSet[tuple[str, str]]) -> Part:
        """Return the part without entries of these kinds and names."""
        kept, needed = (
            [entry for entry in entries if (entry.kind.name, entry.name) not in refused]
            for entries in (self.entries, self.needed)
        )
        return Part(kept, needed)


def parts_of(entries: Sequence[Entry]) -> list[Part]:
    """Divide entries of products, plans, customers and contracts; what is referred to comes in the same part or before.

    A catalog that is small enough is one part. A part is larger than others only if one customer's contracts are.
    """
    known = {(entry.kind.name, entry.name): entry for entry in entries}
    parts = []
    for chosen in _filled(_groups(entries)):
        own = {(entry.kind.name, entry.name) for entry in chosen}
        needed: dict[tuple[str, str], Entry] = {}
        last = chosen
        while last:
            keys = {key for entry in last for key in references_of(entry)} - own - needed.keys()
            last = [known[key] for key in sorted(keys) if key in known]
            needed |= {(entry.kind.name, entry.name): entry for entry in last}
        parts.append(Part(chosen, list(needed.values())))
    return parts


def references_of(entry: Entry) -> Iterator[tuple[str, str]]:
    """Return the products of a plan, the parent of a customer, plan and customer of a contract, by kind and name."""
    if entry.kind.name == "Plan":
        yield from (("Product", item.product) for item in entry.request.spec.items if item.product)
    elif entry.kind.name == "Customer" and entry.request.spec.parent:
        yield "Customer", entry.request.spec.parent
    elif entry.kind.name == "Contract":
        yield "Plan", entry.request.spec.plan
        yield "Customer", entry.request.spec.customer


def _groups(entries: Sequence[Entry]) -> Iterable[list[Entry]]:
    """Return what may not be divided: a product, a plan, or a customer with its contracts."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        is_contract = entry.kind.name == "Contract"
        key = ("Customer", entry.request.spec.customer) if is_contract else (entry.kind.name, entry.name)
        groups.setdefault(key, []).append(entry)
    return groups.values()


def _filled(groups: Iterable[list[Entry]]) -> Iterator[list[Entry]]:
    part: list[Entry] = []
    size = 0
    for group in groups:
        group_size = sum(entry.request.ByteSize() for entry in group)
        if part and (len(part) + len(group) > PART_ENTRIES_MAX or size + group_size > PART_BYTES_MAX):
            yield part
            part, size = [], 0
        part += group
        size += group_size
    if part:
        yield part
