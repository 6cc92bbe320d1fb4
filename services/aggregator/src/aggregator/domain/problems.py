"""What the domain refuses. The names of the kinds are the stable reasons that callers see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProblemKind(StrEnum):
    """Why something asked for can't be done; each is a reason of the suite's vocabulary."""

    METER_INVALID = "METER_INVALID"
    TIME_ZONE_UNKNOWN = "TIME_ZONE_UNKNOWN"
    WINDOW_INVALID = "WINDOW_INVALID"
    GROUP_UNKNOWN = "GROUP_UNKNOWN"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"  # noqa: S105 - a name, not a secret


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that can't be as it is, and what to do."""

    kind: ProblemKind
    field: str
    message: str


class ProblemError(Exception):
    """What was asked for can never succeed as it is."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in problems))
        self.problems = problems


def problem(kind: ProblemKind, field: str, message: str) -> ProblemError:
    """Return the error for one field, the common case."""
    return ProblemError(Problem(kind, field, message))
