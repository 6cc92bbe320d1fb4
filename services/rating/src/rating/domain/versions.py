"""Versions of named entries. Versions are never edited: other content is another version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Generic, TypeVar

Content = TypeVar("Content")
Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Version(Generic[Content]):
    """One version of a named entry."""

    name: str
    version: int
    created_at: datetime
    content: Content


class Outcome(Enum):
    """What applying an entry did; the names are those of the contract, without its prefix."""

    CREATED = "CREATED"
    UNCHANGED = "UNCHANGED"
    NEW_VERSION = "NEW_VERSION"


@dataclass(frozen=True, slots=True)
class Applied(Generic[Content]):
    """The newest version of an entry after it was applied."""

    outcome: Outcome
    entry: Version[Content]


def version_in(versions: Sequence[Version[Content]], version: int) -> Version[Content] | None:
    """Return the version with this number of an entry's versions, oldest first; the newest for 0."""
    return versions[-1] if version == 0 else next((each for each in versions if each.version == version), None)


def unchanged(newest: Version[Content]) -> Applied[Content]:
    """Return that the entry has this content already."""
    return Applied(Outcome.UNCHANGED, newest)


def following(newest: Version[Content] | None, name: str, content: Content, now: datetime) -> Applied[Content]:
    """Return the version that comes after `newest`, or the first."""
    if newest is None:
        return Applied(Outcome.CREATED, Version(name, 1, now, content))
    return Applied(Outcome.NEW_VERSION, Version(name, newest.version + 1, now, content))
