"""What the use cases stand on, and what several of them share."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aggregator.domain.problems import ProblemError
from chassis.errors import FieldViolation, InvalidRequest, NotFound, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from aggregator.upstream import EventLog
    from chassis.clock import Clock


@dataclass(frozen=True)
class Deps:
    """Made once per process."""

    engine: AsyncEngine
    clock: Clock
    log: EventLog
    seal_wait_s: float
    fills_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be a new fill, so that its worker need not wait for its next look."""


@contextmanager
def refusals() -> Iterator[None]:
    """Tell the caller what the domain refuses, field by field."""
    try:
        yield
    except ProblemError as error:
        violations = tuple(
            FieldViolation(problem.field, Reason[problem.kind.value], problem.message) for problem in error.problems
        )
        raise InvalidRequest(violations[0].reason, str(error), violations=violations) from error


def meter_not_found(name: str) -> NotFound:
    """Return the error for a meter that does not exist."""
    return NotFound(Reason.METER_NOT_FOUND, f"there is no meter {name!a}; list the meters or apply it first")
