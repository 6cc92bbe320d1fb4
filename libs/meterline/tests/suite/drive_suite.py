"""Runs a suite of two fake services, as `meterline up` runs the real ones: `python drive_suite.py DATA READY`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from rich.console import Console

from meterline.suite.console import ConsoleReporter
from meterline.suite.errors import SuiteError
from meterline.suite.services import ServiceSpec
from meterline.suite.supervisor import Options, run_until_signalled

SERVICES = (ServiceSpec("fake_left"), ServiceSpec("fake_right", asks=("fake_left",)))

if __name__ == "__main__":
    options = Options(Path(sys.argv[1]), Path(sys.argv[2]), trace_ratio="0.5", services=SERVICES)
    try:
        asyncio.run(run_until_signalled(options, ConsoleReporter(Console(width=200))))
    except SuiteError as error:
        sys.exit(f"error: {error}")
