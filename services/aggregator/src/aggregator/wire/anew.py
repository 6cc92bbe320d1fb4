"""What a command of the operator tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventlog.rfc3339 import text_of_instant

if TYPE_CHECKING:
    from aggregator.domain.anew import BegunAnew, DoubtfulSnapshot


_NEXT: Final = (
    "Start the aggregator if it does not run; `meterline status` tells how far it is. Rating goes on by itself and "
    "renews all live charges."
)


def told_of(begun: BegunAnew) -> str:
    """Say what was dropped, which facts are in doubt, and what to do next."""
    former = f"log {begun.former.epoch}: {begun.former.in_words()}" if begun.former.epoch else "nothing yet"
    lines = [
        "All that was counted is dropped, and the log is counted again from its start.",
        f"counted before: {former}",
        *_log_lines(begun),
        f"change feed: new epoch {begun.feed_epoch}",
        _NEXT,
    ]
    return "\n".join(lines)


def _log_lines(begun: BegunAnew) -> list[str]:
    if begun.doubtful is None:
        return ["Ingest did not answer, so which snapshots count lost events is not known: ask again once it runs."]
    lines = [f"log now: {begun.log_epoch}{_lost(begun)}"]
    if not begun.doubtful:
        return [*lines, "No snapshot counts lost events."]
    what = (
        f"{len(begun.doubtful)} snapshots may count lost events. They are facts and stay; have those events reported "
        "again with the same ids, or the next invoices take them back as adjustments:"
    )
    return [*lines, what, *map(_snapshot_line, begun.doubtful)]


def _lost(begun: BegunAnew) -> str:
    if not begun.former.epoch:
        return ""
    return ", another log" if begun.lost is None else f", without {begun.lost} positions of what was counted"


def _snapshot_line(snapshot: DoubtfulSnapshot) -> str:
    period = f"{text_of_instant(snapshot.period.start)} to {text_of_instant(snapshot.period.end)}"
    lost = "of another log" if snapshot.lost is None else f"{snapshot.lost} positions lost"
    return (
        f"  tenant {snapshot.tenant}, customer {snapshot.customer}, {period}, revision {snapshot.revision}: "
        f"snapshot {snapshot.snapshot_id}, {lost}"
    )
