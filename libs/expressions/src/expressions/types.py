"""Types, and what an expression may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """The type of a value; every value may also be absent."""

    DECIMAL = "decimal"
    TEXT = "text"
    BOOL = "bool"
    INSTANT = "instant"


@dataclass(frozen=True)
class Environment:
    """What an expression may read: fields by name and, unless it has none, properties, each of which is a text."""

    names: Mapping[str, Type]
    has_properties: bool = True
