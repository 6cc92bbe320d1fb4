"""Imported first by a service's `__main__`: lets SIGTERM end the process while it is still importing the rest.

The first process of a container has no default for SIGTERM. Until it has a handler of its own, which for a service is
seconds after its start, the signal would be lost and the process would have to be killed.
"""

from __future__ import annotations

import os
import signal
from typing import Final

_FIRST_PROCESS: Final = 1

if os.getpid() == _FIRST_PROCESS:
    # Not 0: a migration that is stopped is not done.
    signal.signal(signal.SIGTERM, lambda number, _frame: os._exit(128 + number))
