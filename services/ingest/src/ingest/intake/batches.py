"""Work on batches: at once if they are small, in a thread if other calls would notice how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from chassis.aside import Aside

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_LARGE_FROM_BYTES: Final = 128 * 1024


class Batches:
    """The thread in which large batches are read and prepared, those of one tenant in turn with those of others."""

    def __init__(self) -> None:
        """Start the thread when it is needed."""
        self._aside = Aside("large-batches")

    async def run(
        self,
        tenant: str,
        message_bytes: int,
        work: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Do `work` on a batch of `message_bytes`, and return or raise what it does."""
        if message_bytes < _LARGE_FROM_BYTES:
            return work(*args, **kwargs)
        return await self._aside.run(tenant, work, *args, **kwargs)
