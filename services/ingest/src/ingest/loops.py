"""The loops of ingest: they commit what waits, and gather small calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.loops import Loop

if TYPE_CHECKING:
    from ingest.intake.committer import Committer
    from ingest.intake.gatherer import Gatherer


def intake_loops(gatherer: Gatherer, committer: Committer, commit_workers: int) -> list[Loop]:
    """Return one loop per commit that may be in work at once, one for commits beside long ones, and the gatherer's."""
    commits = [Loop(f"commit-{number}", committer.run) for number in range(commit_workers + 1)]
    return [*commits, Loop("gather", gatherer.run)]
