"""Who reported what a segment holds: kept beside it in the log, and covered by the chain as all of it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_REPORTERS_MAX: Final = 100


@dataclass(frozen=True, slots=True, order=True)
class Reporter:
    """A caller, by its token: who it says to be, and the identity of the token itself."""

    subject: str
    token_id: str


def write_reporters(reporters: Collection[Reporter]) -> bytes | None:
    """Return the callers of a segment as a JSON list of pairs; of more than 100, the first hundred. None for nobody."""
    if not reporters:
        return None
    pairs = [[found.subject, found.token_id] for found in sorted(reporters)[:_REPORTERS_MAX]]
    return json.dumps(pairs, ensure_ascii=False, separators=(",", ":")).encode()


def read_reporters(written: bytes | None) -> tuple[Reporter, ...]:
    """Return what `write_reporters` wrote; nobody for a segment of which it was not kept."""
    return () if written is None else tuple(Reporter(*pair) for pair in json.loads(written))
