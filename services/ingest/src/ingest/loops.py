"""The loops of ingest: they commit what waits, gather small calls, and write down what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.loops import Loop

if TYPE_CHECKING:
    from ingest.intake.committer import Committer
    from ingest.intake.gatherer import Gatherer
    from ingest.intake.refusing import RefusalNotes


def intake_loops(gatherer: Gatherer, committer: Committer, refusals: RefusalNotes, commit_workers: int) -> list[Loop]:
    """Return one loop per commit that may be in work at once, one for commits beside long ones, and the others."""
    commits = [Loop(f"commit-{number}", committer.run) for number in range(commit_workers + 1)]
    return [*commits, Loop("gather", gatherer.run), Loop("refusals", refusals.run)]
