"""Which windows were written to, by this process."""

from __future__ import annotations


class WrittenMeters:
    """Versions of meters to which this process has added pages since they were looked at last."""

    def __init__(self) -> None:
        """Begin with all, since nobody knows what was written before."""
        self._meter_ids: set[int] | None = None

    def note(self, meter_id: int) -> None:
        """Note a version to which pages were added."""
        if self._meter_ids is not None:
            self._meter_ids.add(meter_id)

    def note_all(self) -> None:
        """Note that nobody knows to which pages were added."""
        self._meter_ids = None

    def take(self) -> list[int] | None:
        """Return them, and begin anew; None stands for all."""
        taken, self._meter_ids = self._meter_ids, set()
        return None if taken is None else sorted(taken)
