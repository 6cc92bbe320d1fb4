"""How the domain says no: which field, why, and in words; the edge turns it into an error for the caller.

Pure. The domain raises `Refused` with the path of a field below the value it looks at; whoever looked at that value on
behalf of a larger one names where it lies with `inside`. `refusals` is used at the edge alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chassis.errors import FieldViolation, InvalidRequest, Reason


class Refused(Exception):
    """A value breaks a rule. `field` is its path, empty for the whole; `text` says what is wrong and what to write.

    `others` are further rules that the same value breaks: whoever fixes it should see all of them at once.
    """

    def __init__(self, field: str, reason: Reason, text: str, *others: Refused) -> None:
        """Refuse `field` for `reason`."""
        super().__init__(f"{field}: {text}")
        self.field = field
        self.reason = reason
        self.text = text
        self.others = others

    def inside(self, parent: str) -> Refused:
        """Return the same refusal with its fields named below `parent`."""
        path = parent if not self.field else f"{parent}.{self.field}"
        others = (other.inside(parent) for other in self.others)
        # Places in a list are written without a point: "tiers[2]".
        return Refused(path.replace(".[", "["), self.reason, self.text, *others)


def refuse_all(found: Sequence[Refused]) -> None:
    """Raise the first of what was found with the others, if anything was."""
    if found:
        first, *others = found
        raise Refused(first.field, first.reason, first.text, *others)


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
        every = (named, *named.others)
        violations = tuple(FieldViolation(one.field, one.reason, one.text) for one in every)
        raise InvalidRequest(named.reason, "; ".join(map(str, every)), violations=violations) from refused
