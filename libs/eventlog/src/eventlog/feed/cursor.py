"""The parts of a feed, and the laws that hold between them. Pure.

A lane is an append-only run of segments. Positions are dense (1, 2, 3, …) and every segment carries a hash over
everything before it, so a reader can prove that it missed nothing and that both sides share one history.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chassis.errors import Diverged, Reason
from eventlog.as_of import AsOf
from eventlog.feed.chain import RULE_PAYLOAD, chain_after
from eventlog.feed.kinds import EntryKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

CHAIN_BYTES: Final = 32
CHAIN_START: Final = bytes(CHAIN_BYTES)
"""The chain before the first segment of a lane."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A reader's place in one lane: everything up to and including `position` has been read.

    `epoch` names the log (UUID text). It may be empty, for any log, at position 0 only.
    """

    lane: int
    position: int
    chain: bytes
    epoch: str

    @classmethod
    def start(cls, lane: int, epoch: str = "") -> Cursor:
        """Return the place before the first entry of `lane`."""
        return cls(lane=lane, position=0, chain=CHAIN_START, epoch=epoch)


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of `count` entries of one lane, written by one commit for one tenant.

    `payload` is a zstd-compressed message, `digest` its SHA-256, `chain` the hash of the lane up to here by the rule
    `chain_rule`, and `owner_hash` that of the columns which the log's owner added. `kind` says what its entries are.
    `accepted_at` is the writer's clock and says nothing about order; `min_time` and `max_time` are the entries' own.
    """

    epoch: str
    lane: int
    first_position: int
    count: int
    tenant: str
    payload: bytes
    digest: bytes
    chain: bytes
    accepted_at: datetime
    traceparent: str
    min_time: datetime
    max_time: datetime
    chain_rule: int = RULE_PAYLOAD
    owner_hash: bytes = b""
    kind: int = EntryKind.PLAIN

    @property
    def last_position(self) -> int:
        """Position of the last entry."""
        return self.first_position + self.count - 1


@dataclass(frozen=True, slots=True)
class FeedHeads:
    """Where every lane of a log ends: `positions` by lane, 0 for an empty one.

    `earlier` are the log's former epochs, newest first, each as far as this log still is the log of that epoch: what
    lay beyond was lost when the log was restored. `complete_until` tells that the log holds what follows from all that
    ingest had accepted by then; None where its owner does not know.
    """

    epoch: str
    positions: Mapping[int, int]
    earlier: Sequence[AsOf] = ()
    complete_until: datetime | None = field(default=None, compare=False)

    @property
    def as_of(self) -> AsOf:
        """All of the log."""
        return AsOf(self.epoch, dict(self.positions))

    def lost_of(self, place: AsOf) -> int | None:
        """Return how many positions of `place` this log does not have; None if it never was the log of that epoch.

        A place in this epoch has lost nothing, even if the log has not come so far; nor has one that names no epoch, or
        that reaches nowhere.
        """
        if place.is_empty or place.epoch in ("", self.epoch):
            return 0
        shared = next((earlier for earlier in self.earlier if earlier.epoch == place.epoch), None)
        return None if shared is None else place.positions_beyond(shared)

    def place_in_this_epoch(self, place: AsOf) -> AsOf:
        """Return `place`, taken in this or an earlier epoch, as a place in this one.

        Raises Diverged FEED_DIVERGED if part of it was lost when the log was restored, or if it is of another log.
        """
        if place.epoch not in {"", self.epoch, *(earlier.epoch for earlier in self.earlier)}:
            what = f"the log's epoch is {self.epoch}, and it never was {place.epoch!r}"
            raise Diverged(Reason.FEED_DIVERGED, f"{what}; ask again with a place in the log as it is")
        if lost := self.lost_of(place):
            what = f"{lost} positions of log {place.epoch} were lost when it was restored as {self.epoch}"
            raise Diverged(Reason.FEED_DIVERGED, f"{what}; ask again up to where both are the same log")
        return AsOf(self.epoch, place.positions)


def check_payload(segment: Segment) -> None:
    """Raise Diverged FEED_CORRUPT unless the payload matches its digest."""
    if hashlib.sha256(segment.payload).digest() != segment.digest:
        raise corrupt(segment, "its payload does not match its digest")


def kind_of(segment: Segment) -> EntryKind:
    """Return the kind of a segment's entries. Raises Diverged FEED_DIVERGED for one of a newer release."""
    try:
        return EntryKind(segment.kind)
    except ValueError as error:
        what = f"its entries are of kind {segment.kind}, unknown here"
        raise _diverged(Reason.FEED_DIVERGED, segment, what) from error


def follow(cursor: Cursor, segment: Segment) -> Cursor:
    """Return the cursor after `segment`, which must be the next one of the same lane and history.

    Raises Diverged: FEED_GAP if entries are missing or repeated, FEED_DIVERGED if epoch, lane or chain differ, or
    if the chain is made by a rule of a newer release.
    """
    if cursor.epoch not in ("", segment.epoch):
        raise _diverged(Reason.FEED_DIVERGED, segment, f"its epoch is not {cursor.epoch}")
    if segment.lane != cursor.lane:
        raise _diverged(Reason.FEED_DIVERGED, segment, f"its lane is not {cursor.lane}")
    if segment.first_position != cursor.position + 1 or segment.count < 1:
        raise _diverged(Reason.FEED_GAP, segment, f"it does not follow position {cursor.position}")
    chain = chain_after(cursor.chain, segment)
    if chain is None:
        raise _diverged(Reason.FEED_DIVERGED, segment, f"its chain follows rule {segment.chain_rule}, unknown here")
    if chain != segment.chain:
        what = "its chain does not continue the chain before it, so one of the two was changed"
        raise _diverged(Reason.FEED_DIVERGED, segment, what)
    return Cursor(lane=segment.lane, position=segment.last_position, chain=chain, epoch=segment.epoch)


def corrupt(segment: Segment, what: str) -> Diverged:
    """Return the error for a segment that can't be what its writer wrote."""
    return _diverged(Reason.FEED_CORRUPT, segment, what)


def _diverged(reason: Reason, segment: Segment, what: str) -> Diverged:
    name = f"segment {segment.first_position}+{segment.count} of lane {segment.lane} in log {segment.epoch}"
    return Diverged(reason, f"{name}: {what}; stop, follow the runbook feed-halted, never skip")
