"""How often Python searches for garbage, for processes that make many objects which their last reference frees."""

from __future__ import annotations

import gc
from typing import Final

_ALLOCATIONS: Final = 50_000


def keep_what_is_loaded() -> None:
    """Never search what there is now, which lives as long as the process: to look through it stops all threads."""
    gc.collect()
    gc.freeze()


def search_rarely() -> None:
    """Never search what there is now, which lives as long as the process, and rarely what comes after.

    With Python's own 700 allocations, a request of a thousand entries is searched again and again while it is worked
    on, for as long as the work itself takes; searching rarely costs nothing but a little memory.
    """
    keep_what_is_loaded()
    gc.set_threshold(_ALLOCATIONS, 20, 50)
