"""The loops of ingest: they commit what waits, gather small calls, write down what was noted, and copy by customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chassis.loops import Loop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from ingest.intake.committer import Committer
    from ingest.intake.gatherer import Gatherer
    from ingest.operations.copies import CustomerCopies


class Notes(Protocol):
    """Something that is noted in memory and written down now and then."""

    async def run(self, stop: asyncio.Event) -> None:
        """Write it down until `stop` is set."""
        ...


def intake_loops(
    gatherer: Gatherer, committer: Committer, notes: Sequence[Notes], copies: CustomerCopies, commit_workers: int
) -> list[Loop]:
    """Return one loop per commit that may be in work at once, one for commits beside long ones, and the others."""
    commits = [Loop(f"commit-{number}", committer.run) for number in range(commit_workers + 1)]
    written = [Loop(f"notes-{number}", one.run) for number, one in enumerate(notes)]
    return [*commits, Loop("gather", gatherer.run), *written, Loop("copies", copies.run)]
