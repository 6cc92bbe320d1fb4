"""CPU time and memory of processes, read from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_TICKS_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Used:
    """What a process and its children have used: CPU seconds since their start, and the peak of resident memory."""

    cpu_s: float
    rss_peak_mib: float


def used(pids: Mapping[str, int]) -> dict[str, Used]:
    """Give what each named process tree has used so far; a process that is gone counts as nothing."""
    parents = _parents()
    return {name: _tree(pid, parents) for name, pid in pids.items()}


def _tree(pid: int, parents: Mapping[int, int]) -> Used:
    members = [pid, *(child for child, parent in parents.items() if parent == pid)]
    measured = [_one(member) for member in members]
    # A Postgres backend's memory is mostly shared: the largest one says more than the sum.
    return Used(sum(one.cpu_s for one in measured), max(one.rss_peak_mib for one in measured))


def _one(pid: int) -> Used:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return Used(0.0, 0.0)
    # utime, stime, and those of children that have ended: fields 14 to 17 of proc(5), here after pid and name.
    cpu_s = sum(int(field) for field in fields[11:15]) / _TICKS_S
    peak_kib = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)
    return Used(cpu_s, peak_kib / 1024)


def _parents() -> dict[int, int]:
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                # It ended between listing and reading.
                continue
    return found
