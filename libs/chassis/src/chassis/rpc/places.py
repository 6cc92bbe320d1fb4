"""Places among the calls in work: a server has so many, and no tenant may take them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.errors import Overloaded, Reason

if TYPE_CHECKING:
    from collections.abc import Hashable


@dataclass(frozen=True, slots=True)
class PlaceLimits:
    """How many calls may be in work at once: of the server, of one tenant, and of one tenant's streams."""

    calls_max: int = 1000
    tenant_calls_max: int = 500
    tenant_streams_max: int = 20


class Places:
    """Counts the calls in work by whom they serve. A place is held until the last byte of the answer is sent."""

    def __init__(self, limits: PlaceLimits) -> None:
        """Start with every place free."""
        self._limits = limits
        self._taken = 0
        self._calls: dict[Hashable, int] = {}
        self._streams: dict[Hashable, int] = {}

    def take(self, holder: Hashable, *, is_stream: bool) -> None:
        """Take a place for `holder`; whoever gets it gives it back once. Raises Overloaded if there is none."""
        limits = self._limits
        if self._taken >= limits.calls_max:
            raise Overloaded(Reason.OVERLOADED, "the server has as many calls in work as it takes; retry later")
        calls = self._calls.get(holder, 0)
        if calls >= limits.tenant_calls_max:
            raise Overloaded(Reason.OVERLOADED, f"{calls} calls of yours are in work, which is the limit; retry later")
        if is_stream:
            streams = self._streams.get(holder, 0)
            if streams >= limits.tenant_streams_max:
                message = f"{streams} streams of yours are open, which is the limit; read or cancel one and retry"
                raise Overloaded(Reason.OVERLOADED, message)
            self._streams[holder] = streams + 1
        self._calls[holder] = calls + 1
        self._taken += 1

    def give_back(self, holder: Hashable, *, is_stream: bool) -> None:
        """Free a place that was taken."""
        self._taken -= 1
        _less(self._calls, holder)
        if is_stream:
            _less(self._streams, holder)


def _less(counts: dict[Hashable, int], holder: Hashable) -> None:
    # Nothing is kept of a tenant without calls: the number of tenants has no bound.
    if counts[holder] == 1:
        del counts[holder]
    else:
        counts[holder] -= 1
