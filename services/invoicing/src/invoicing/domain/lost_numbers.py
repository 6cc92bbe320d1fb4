"""Numbers that were given out and whose invoices a restore has lost: a fact, and a link of the series' chain."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

from invoicing.domain.invoices import SeriesState, chain_of, digest_of
from invoicing.domain.numbering import invoice_number

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class LastNumber:
    """The last number that a series gave out: `sequence`, or None where none was lost."""

    prefix: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class LostNumbers:
    """The numbers of a series from one to another, both included; none where `last_sequence` is before the first.

    `hold` is the number of the hold that was in force when they were stated, 0 if none was.
    """

    prefix: str
    first_sequence: int
    last_sequence: int
    reason: str
    stated_by: str
    stated_at: datetime
    previous_chain: bytes
    hold: int = 0
    chain: bytes = b""

    @property
    def is_empty(self) -> bool:
        """Whether it was stated that no number was lost."""
        return self.last_sequence < self.first_sequence

    @property
    def first_number(self) -> str:
        """The first lost number, as invoices bear it."""
        return invoice_number(self.prefix, self.first_sequence)

    @property
    def last_number(self) -> str:
        """The last lost number, as invoices bear it."""
        return invoice_number(self.prefix, self.last_sequence)

    @property
    def is_as_stated(self) -> bool:
        """Whether the chain hash follows from what is noted."""
        return self.chain == _chain_after(self)


def lost_after(
    series: SeriesState, prefix: str, last_sequence: int, *, reason: str, stated_by: str, stated_at: datetime, hold: int
) -> LostNumbers:
    """Return the numbers after the end of a series up to `last_sequence` as lost."""
    lost = LostNumbers(
        prefix=prefix,
        first_sequence=series.sequence + 1,
        last_sequence=last_sequence,
        reason=reason,
        stated_by=stated_by,
        stated_at=stated_at,
        previous_chain=series.chain,
        hold=hold,
    )
    return replace(lost, chain=_chain_after(lost))


def _chain_after(lost: LostNumbers) -> bytes:
    """Return the chain hash of the series after lost numbers: none of them changes it."""
    if lost.is_empty:
        return lost.previous_chain
    document = {
        "lost_from": lost.first_number,
        "lost_to": lost.last_number,
        "reason": lost.reason,
        "stated_by": lost.stated_by,
        "stated_at": lost.stated_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return chain_of(lost.previous_chain, digest_of(text.encode()))
