"""Statements that stay small: what is too much for the time that one may take is written in parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Final, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import DeadlineExceeded
from chassis.postgres import is_caused_by_data, sqlstate_of, translate

Row = TypeVar("Row")

LOCK_TRIES: Final = 8
"""So often a statement waits for rows that another transaction holds, half as long as a statement may take."""
_SQLSTATE_LOCKED: Final = "55P03"


class StatementSize:
    """How many rows a statement writes: halved when one takes too long, and doubled again batch by batch."""

    def __init__(self, rows_max: int) -> None:
        """Write at most `rows_max` rows at once."""
        self._rows_max = rows_max
        self.rows = rows_max

    def shrink(self, rows: int) -> None:
        """Learn that a statement of so many rows took too long."""
        self.rows = max(1, min(self.rows, rows) // 2)

    def grow(self) -> None:
        """Learn that a batch was written."""
        self.rows = min(self._rows_max, self.rows * 2)


async def limit_lock_waits(conn: AsyncConnection) -> None:
    """Let statements of this transaction wait for locks only half of their time.

    So a wait is told from a statement that is itself too slow, and smaller ones are not tried in vain.
    """
    await conn.execute(
        text(
            """
            SELECT set_config('lock_timeout', CAST(CAST(setting AS integer) / 2 AS text), true)
            FROM pg_settings WHERE name = 'statement_timeout'
            """
        )
    )


async def write_in_parts(
    rows: Iterable[Row],
    size: StatementSize,
    write: Callable[[Sequence[Row]], Awaitable[None]],
    refused: Callable[[Row, Exception], None] | None = None,
) -> None:
    """Write rows by statements of `size`; `write` writes some of them, all or nothing.

    What takes too long is tried in halves. So is what the database refuses for its content, down to one row, which is
    given to `refused` and left out; without `refused` it raises, as does whatever has another cause.
    """
    iterator = iter(rows)
    while part := list(islice(iterator, size.rows)):
        await _write(part, size, write, refused)


async def _write(
    rows: Sequence[Row],
    size: StatementSize,
    write: Callable[[Sequence[Row]], Awaitable[None]],
    refused: Callable[[Row, Exception], None] | None,
) -> None:
    try:
        await patiently(lambda: write(rows))
    except Exception as error:
        is_refused = refused is not None and is_caused_by_data(error)
        if not is_refused and not took_too_long(error):
            raise
        if len(rows) == 1:
            if refused is None or not is_refused:
                raise
            refused(rows[0], error)
            return
        if not is_refused:
            size.shrink(len(rows))
        middle = len(rows) // 2
        await _write(rows[:middle], size, write, refused)
        await _write(rows[middle:], size, write, refused)


async def patiently(write: Callable[[], Awaitable[None]]) -> None:
    """Write, and once more where only a lock was in the way; `write` leaves nothing behind when it fails."""
    for _ in range(LOCK_TRIES - 1):
        try:
            return await write()
        except Exception as error:
            if sqlstate_of(error) != _SQLSTATE_LOCKED:
                raise
    return await write()


def took_too_long(error: Exception) -> bool:
    """Whether a statement ran into its time limit."""
    return isinstance(translate(error), DeadlineExceeded)
