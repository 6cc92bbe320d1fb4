"""How the domain refuses a value: which field, why, and in words; the edge turns this into an error for the caller.

This module is pure. The domain raises `Refused` with the path of the field below the value that it checks; code that
checks a part of a larger value adds the place of that part with `inside`. `refusals` is used only at the edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from chassis.errors import FieldViolation, InvalidRequest, Reason

Entry = TypeVar("Entry")
Result = TypeVar("Result")


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
        # An index into a list follows without a dot: "tiers[2]".
        return Refused(path.replace(".[", "["), self.reason, self.text, *others)


def refuse_all(found: Sequence[Refused]) -> None:
    """Raise the first of what was found with the others, and theirs, if anything was."""
    if found:
        first, *others = (one for refused in found for one in (refused, *refused.others))
        raise Refused(first.field, first.reason, first.text, *others)


def all_of(*reads: Callable[[], Any]) -> list[Any]:
    """Return the results of several checks or readings; raises Refused with what is wrong in all of them."""
    results: list[Any] = []
    found: list[Refused] = []
    for read in reads:
        try:
            results.append(read())
        except Refused as refused:
            found.append(refused)
    refuse_all(found)
    return results


def each_of(name: str, entries: Iterable[Entry], read: Callable[[Entry], Result]) -> tuple[Result, ...]:
    """Read every entry of the list `name`; raises Refused with what is wrong with all of them, each by its place."""

    def read_one(position: int, entry: Entry) -> Result:
        with inside(f"{name}[{position}]"):
            return read(entry)

    return tuple(all_of(*(partial(read_one, position, entry) for position, entry in enumerate(entries))))


@contextmanager
def inside(parent: str) -> Iterator[None]:
    """Put `parent` in front of the field of any refusal in the block."""
    try:
        yield
    except Refused as refused:
        raise refused.inside(parent) from refused


class refusals:  # noqa: N801 - read as a verb, as the function that it might be
    """Raise any refusal in the block as InvalidRequest, with `parent` in front of its field."""

    # A class: a generator costs several times as much, and each entry of a catalog comes through a few.
    __slots__ = ("_parent",)

    def __init__(self, parent: str = "") -> None:
        """Put `parent` in front of the field."""
        self._parent = parent

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: type[BaseException] | None, refused: BaseException | None, trace: object) -> None:
        """Raise a refusal that ended the block as InvalidRequest."""
        if not isinstance(refused, Refused):
            return
        named = refused.inside(self._parent) if self._parent else refused
        every = (named, *named.others)
        violations = tuple(FieldViolation(one.field, one.reason, one.text) for one in every)
        raise InvalidRequest(named.reason, "; ".join(map(str, every)), violations=violations) from refused
