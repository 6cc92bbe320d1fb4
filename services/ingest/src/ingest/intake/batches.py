"""Work on batches: at once if they are small, in a thread if other calls would notice how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from chassis.aside import Aside

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LARGE_COLUMNS_BYTES: Final = 1024 * 1024
"""Columns of this size hold up other calls noticeably."""
LARGE_ROWS_BYTES: Final = 128 * 1024
"""The same for rows, which take some ten times as long as the same events in columns."""


class Batches:
    """The thread in which large batches are read and prepared, those of one tenant in turn with those of others."""

    def __init__(self) -> None:
        """Start the thread when it is needed."""
        self._aside = Aside("large-batches")

    async def run(
        self,
        tenant: str,
        message_bytes: int,
        large_bytes: int,
        work: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Do `work` on a batch, which is large from `large_bytes` on, and return or raise what it does."""
        if message_bytes < large_bytes:
            return work(*args, **kwargs)
        return await self._aside.run(tenant, work, *args, **kwargs)
