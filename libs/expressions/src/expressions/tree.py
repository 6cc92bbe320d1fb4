"""Expressions as trees of literals, names, properties and calls. An operator is a call of the function of its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from expressions.errors import Position

Value = Decimal | str | bool | int
"""A decimal, a text, a bool, or an instant as microseconds since 1970. None stands for what is absent."""

_START = Position()


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written in the expression itself: a decimal, a text or a bool."""

    value: Decimal | str | bool
    at: Position = field(default=_START, compare=False, repr=False)

    @property
    def arguments(self) -> tuple[Node, ...]:
        """Return no arguments."""
        return ()

    @property
    def size(self) -> int:
        """Return 1, the number of its parts."""
        return 1

    @property
    def depth(self) -> int:
        """Return 1."""
        return 1


@dataclass(frozen=True, slots=True)
class Name(Literal):
    """A field of the event, such as `time`."""

    value: str


@dataclass(frozen=True, slots=True)
class Property(Literal):
    """A property of the event, by its key."""

    value: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator, with what it is applied to."""

    function: str
    arguments: tuple[Node, ...]
    at: Position = field(default=_START, compare=False, repr=False)
    size: int = field(init=False, compare=False, repr=False)
    depth: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Counted while it is built, so that nobody walks down a tree that is too deep in order to find out.
        object.__setattr__(self, "size", 1 + sum(part.size for part in self.arguments))
        object.__setattr__(self, "depth", 1 + max((part.depth for part in self.arguments), default=0))


Node = Literal | Name | Property | Call


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read. Equal expressions have equal trees, however they were written."""

    root: Node

    def names(self) -> frozenset[str]:
        """Return the fields that it reads."""
        return frozenset(node.value for node in _walk(self.root) if isinstance(node, Name))

    def properties(self) -> frozenset[str]:
        """Return the keys of the properties that it reads."""
        return frozenset(node.value for node in _walk(self.root) if isinstance(node, Property))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for part in node.arguments:
        yield from _walk(part)
