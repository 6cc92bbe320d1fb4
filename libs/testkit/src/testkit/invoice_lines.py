"""The lines of an invoice as the command line prints it."""

from __future__ import annotations

from decimal import Decimal


def lines_of(invoice: dict[str, object]) -> list[tuple[str, str, str]]:
    """Return item, kind and amount of each line; they add up to the total."""
    found = invoice["lines"]
    assert isinstance(found, list)
    assert sum(Decimal(line["amount"]) for line in found) == Decimal(str(invoice["total"]))
    return [(line["item"], line["kind"].removeprefix("LINE_KIND_").lower(), line["amount"]) for line in found]


def amounts_of(invoice: dict[str, object]) -> list[tuple[str, str]]:
    """Return item and amount of each line; they add up to the total."""
    return [(item, amount) for item, _, amount in lines_of(invoice)]
