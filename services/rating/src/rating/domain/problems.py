"""What can be wrong with a catalogue entry, in the domain's own words; the edge turns it into an RPC error."""

from __future__ import annotations

from enum import StrEnum


class Problem(StrEnum):
    """Why an entry is refused. The names are those of the suite's stable reasons."""

    TEXT_INVALID = "TEXT_INVALID"
    FIELD_REQUIRED = "FIELD_REQUIRED"
    PRICE_INVALID = "PRICE_INVALID"
    TIERS_INVALID = "TIERS_INVALID"
    PLAN_INVALID = "PLAN_INVALID"
    CONTRACT_INVALID = "CONTRACT_INVALID"
    CONTRACT_OVERLAP = "CONTRACT_OVERLAP"
    CURRENCY_UNKNOWN = "CURRENCY_UNKNOWN"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    TIME_ZONE_UNKNOWN = "TIME_ZONE_UNKNOWN"
    PERIOD_INVALID = "PERIOD_INVALID"
    CATALOG_CONFLICT = "CATALOG_CONFLICT"


class InvalidEntryError(ValueError):
    """One field of a catalogue entry breaks a rule. `field` is its path in the entry, such as `tiers[1].up_to`."""

    def __init__(self, field: str, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.problem = problem
        self.message = message

    def inside(self, parent: str) -> InvalidEntryError:
        """Give the same error with the field named from further outside: `items[0]` + `tiers[1].up_to`."""
        field = f"{parent}.{self.field}" if self.field else parent
        return InvalidEntryError(field, self.problem, self.message)
