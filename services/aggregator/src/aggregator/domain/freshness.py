"""How far into the event log something reaches."""

from __future__ import annotations

from dataclasses import dataclass

from eventlog.as_of import AsOf


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh an answer must be: reach `as_of`, or all that ingest has accepted by now with every meter filled."""

    as_of: AsOf | None = None
    latest: bool = False
