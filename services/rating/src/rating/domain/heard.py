"""Of whose usage changes were heard a moment ago: what is counted may be of a moment before them.

The aggregator answers from a memory of its own, which may be some milliseconds behind the change that was heard. So
what it tells is compared with what was heard since the moment that its answer is of.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

KEPT_S: Final = 10
"""Changes are known for at least so long; an answer is of a moment that is much nearer."""


class Heard(NamedTuple):
    """When a change of a customer's usage was last heard, by a clock that only goes forward, and from when on it is."""

    at_s: float
    since: datetime


class RecentChanges:
    """The changes of the last seconds, by tenant and customer."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._newer: dict[tuple[str, str], Heard] = {}
        self._older: dict[tuple[str, str], Heard] = {}
        self._newer_from_s = inf
        self.complete_from_s = inf
        """All that was heard since is known; before, changes may have been missed."""

    def restart(self, now_s: float) -> None:
        """Forget everything: what was changed until now may have been missed."""
        self._newer, self._older = {}, {}
        self._newer_from_s = self.complete_from_s = now_s

    def note(self, tenant: str, customer: str, heard: Heard) -> None:
        """Note a change that was just heard."""
        if heard.at_s - self._newer_from_s > KEPT_S:
            self._older, self._newer = self._newer, {}
            self.complete_from_s, self._newer_from_s = self._newer_from_s, heard.at_s
        place = tenant, customer
        before = self._newer.get(place)
        self._newer[place] = heard if before is None else Heard(heard.at_s, min(before.since, heard.since))

    def of(self, tenant: str, customer: str) -> Heard | None:
        """Return the last change of a customer's usage, with the earliest usage that was changed lately."""
        newer, older = self._newer.get((tenant, customer)), self._older.get((tenant, customer))
        if newer is None or older is None:
            return newer or older
        return Heard(newer.at_s, min(newer.since, older.since))


class Ends:
    """Where the change feed ended when it was asked for: who has heard it up to there knows all that was until then.

    Under a steady load the feed has gone on since, so that its newest end is never reached.
    """

    def __init__(self) -> None:
        """None was asked for yet."""
        self._ahead: deque[tuple[float, int]] = deque()

    def seen(self, asked_s: float, position: int) -> None:
        """Note an end that was asked for at a moment."""
        self._ahead.append((asked_s, position))

    def reached(self, position: int) -> float | None:
        """Return up to when all changes were heard, by the ends that a position has newly reached."""
        found = None
        while self._ahead and self._ahead[0][1] <= position:
            found = self._ahead.popleft()[0]
        return found
