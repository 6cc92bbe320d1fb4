"""The error of a catalogue entry that breaks a rule; the edge names the field from the request's root."""

from __future__ import annotations

from chassis.errors import Reason


class InvalidEntryError(ValueError):
    """One field of a catalogue entry breaks a rule. `field` is its path in the entry, such as `tiers[1].up_to`."""

    def __init__(self, field: str, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason
        self.message = message

    def inside(self, parent: str) -> InvalidEntryError:
        """Give the same error with the field named from further outside: `items[0]` + `tiers[1].up_to`."""
        field = f"{parent}.{self.field}" if self.field else parent
        return InvalidEntryError(field, self.reason, self.message)
