"""Writing what a meter gets: in statements that stay small, around what the database refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

from aggregator.domain.fold import FoldedMeter, Parked
from aggregator.domain.matching import not_storable_message
from aggregator.domain.windows import MeterFold
from aggregator.store.windows import flushes
from chassis.logs import get_logger
from chassis.postgres import is_caused_by_data, sqlstate_of
from chassis.statements import StatementSize, patiently, took_too_long

_log = get_logger(__name__)


class Flush:
    """Writes windows inside one transaction, whose connection is `driver`, under the number `flush_id`."""

    def __init__(self, driver: Any, flush_id: int, size: StatementSize) -> None:
        self._driver = driver
        self._flush_id = flush_id
        self._size = size
        self._refused: list[Parked] = []

    async def add(self, folded: FoldedMeter) -> list[Parked]:
        """Add the windows of a meter and return the events whose windows the database refused: to be parked.

        What takes too long is tried in smaller parts, what is refused as well: down to one window, and then, by parts
        of its events, to one event. Raises what has another cause, and the time limit of a single row.
        """
        self._refused = []
        if folded.windows is not None:
            await self._add(folded, folded.windows)
        if self._refused:
            first = self._refused[0]
            _log.warning(
                "fold.events_not_storable", meter_id=first.meter_id, events=len(self._refused), message=first.message
            )
        return self._refused

    async def _add(self, folded: FoldedMeter, windows: MeterFold) -> None:
        for part in windows.parts(self._size.rows):
            try:
                await patiently(partial(self._write, part))
            except Exception as error:
                if took_too_long(error):
                    await self._add_slowly(folded, part, error)
                elif is_caused_by_data(error):
                    await self._add_around(folded, part, error)
                else:
                    raise

    async def _write(self, windows: MeterFold) -> None:
        await flushes.add_windows(self._driver, windows, self._flush_id, self._size.rows)

    async def _add_slowly(self, folded: FoldedMeter, windows: MeterFold, error: Exception) -> None:
        rows = max(len(windows), len(windows.added.texts.texts) if windows.added.texts else 0)
        if min(rows, self._size.rows) == 1:
            raise error
        self._size.shrink(rows)
        await self._add(folded, windows)

    async def _add_around(self, folded: FoldedMeter, windows: MeterFold, error: Exception) -> None:
        events = len(windows.rows)
        if len(windows) > 1:
            for half in windows.parts((len(windows) + 1) // 2):
                await self._add(folded, half)
        elif events > 1:
            for rows in (windows.rows[: events // 2], windows.rows[events // 2 :]):
                await self._add(folded, folded.fold_again(rows))
        else:
            fault = f"error {sqlstate_of(error)} of the database"
            self._refused.append(folded.not_storable(int(windows.rows[0]), not_storable_message(fault)))
