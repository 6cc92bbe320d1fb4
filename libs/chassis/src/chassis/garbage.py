"""How often Python searches for garbage, for processes that make many objects which their last reference frees."""

from __future__ import annotations

import gc
from typing import Final

_ALLOCATIONS: Final = 2_000
"""Objects that are searched at once: all other work waits meanwhile, a microsecond for each."""
_ROUNDS: Final = (20, 50)
"""So many searches of the newest go before one of those that they left, and so many of those before one of all."""


def search_rarely() -> None:
    """Never search what there is now, which lives as long as the process, and rarely all that comes after.

    To look through it stops all threads.

    With Python's own thresholds, a request of a thousand entries is searched whole again and again while it is worked
    on, for as long as the work itself takes; searching all of it rarely costs nothing but a little memory. The newest
    objects are searched often, a few at once: of fifty thousand, one search held all answers up for 40 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *_ROUNDS)
