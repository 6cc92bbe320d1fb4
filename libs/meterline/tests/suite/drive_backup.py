"""Backs a suite of two fake services up, as `meterline backup` does: `python drive_backup.py DATA TARGET`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from meterline.suite.backup import back_up
from meterline.suite.services import ServiceSpec

SERVICES = (ServiceSpec("fake_left"), ServiceSpec("fake_right", asks=("fake_left",)))

if __name__ == "__main__":
    data_dir, target = map(Path, sys.argv[1:])
    asyncio.run(back_up(data_dir, target, lambda _: None, suite_version="1.2.3", services=SERVICES))
