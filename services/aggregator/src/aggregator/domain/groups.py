"""How many groups a meter tells apart: the first that it meets, and all others together as one.

Groups are told apart until there is no room for one more. From then on the meter is full: what it tells apart stays,
until it is counted again from the start. So a group is either told apart or among the others, and never both: whatever
takes an event back, or comes again, counts where the event does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aggregator.domain.aggregations.groups import group_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class GroupCount:
    """How many groups a version of a meter tells apart; `full_since` when it had no room for one more, if ever."""

    groups: int = 0
    full_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToldApart:
    """The groups that a full version tells apart, by their hashes."""

    hashes: frozenset[bytes] = field(default_factory=frozenset)

    def others(self, groups: Iterable[str]) -> set[str]:
        """Return which of some groups count as one."""
        return {group for group in groups if group_hash(group) not in self.hashes}


def with_room(count: GroupCount, groups_max: int, new: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Part groups that are new to a version, by their first events: those that it has room for, and the others."""
    room = 0 if count.full_since is not None else max(0, groups_max - count.groups)
    return new[:room], new[room:]
