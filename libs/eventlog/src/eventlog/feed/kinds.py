"""What the entries of a segment are: facts of their own, or corrections of earlier ones. Pure."""

from __future__ import annotations

from enum import IntEnum


class EntryKind(IntEnum):
    """The kind of all entries of a segment, as the table and the wire number it."""

    PLAIN = 0
    """Facts of their own: all that is reported, and everything in logs without corrections."""
    VOID = 1
    """Whole copies of earlier entries of the same lane, which these take back: each counts -1."""
    REPLACEMENT = 2
    """What holds from here on in the place of earlier entries, which were taken back before it: each counts 1."""

    @property
    def sign(self) -> int:
        """How often an entry counts: 1 or -1."""
        return -1 if self is EntryKind.VOID else 1
