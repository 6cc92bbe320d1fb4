"""How much memory this process takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.metrics import CallbackOptions, Meter

_STATM: Final = Path("/proc/self/statm")
_RESIDENT: Final = 1
"""Place of the pages that are in memory among the numbers of the file."""


def observe_memory(meter: Meter) -> None:
    """Measure the memory of this process whenever metrics are read. The name is OpenTelemetry's."""
    page_bytes = os.sysconf("SC_PAGE_SIZE")

    def resident(_options: CallbackOptions) -> Iterator[Observation]:
        yield Observation(int(_STATM.read_text(encoding="ascii").split()[_RESIDENT]) * page_bytes)

    meter.create_observable_gauge("process.memory.usage", [resident], "By", "Memory that the process takes, resident.")
