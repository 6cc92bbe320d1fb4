"""How the domain says no: which field, why, and in words; the edge turns it into an error for the caller.

Pure. The domain raises `Refused` with the path of a field below the value it looks at; whoever looked at that value on
behalf of a larger one names where it lies with `inside`. `refusals` is used at the edge alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chassis.errors import Reason, invalid_field


class Refused(Exception):
    """A value breaks a rule. `field` is its path, empty for the whole; `text` says what is wrong and what to write."""

    def __init__(self, field: str, reason: Reason, text: str) -> None:
        """Refuse `field` for `reason`."""
        super().__init__(f"{field}: {text}")
        self.field = field
        self.reason = reason
        self.text = text

    def inside(self, parent: str) -> Refused:
        """Return the same refusal with its field named below `parent`."""
        path = parent if not self.field else f"{parent}.{self.field}"
        # Places in a list are written without a point: "tiers[2]".
        return Refused(path.replace(".[", "["), self.reason, self.text)


@contextmanager
def inside(parent: str) -> Iterator[None]:
    """Name the field of any refusal in the block below `parent`."""
    try:
        yield
    except Refused as refused:
        raise refused.inside(parent) from refused


@contextmanager
def refusals(parent: str = "") -> Iterator[None]:
    """Raise any refusal in the block as InvalidRequest, its field named below `parent`."""
    try:
        yield
    except Refused as refused:
        named = refused.inside(parent) if parent else refused
        raise invalid_field(named.field, named.reason, named.text) from refused
