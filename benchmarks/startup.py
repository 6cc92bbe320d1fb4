"""How quickly the command and the SDK start, as ratios to `import grpc` in one run: `python -m benchmarks.startup`.

CPU time, user and system, bytecode cached; the ways take turns, and the median of each counts. Exits
with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from typing import Final

_BASE: Final = "python -c 'import grpc'"
_WAYS: Final[dict[str, tuple[tuple[str, ...], float | None]]] = {
    _BASE: (("-c", "import grpc"), None),
    "meterline --help": (("-m", "meterline", "--help"), 1.6),
    "meterline version": (("-m", "meterline", "version"), 1.6),
    "import meterline": (("-c", "import meterline"), 2.0),
    "from meterline import AsyncClient": (("-c", "from meterline import AsyncClient"), None),
}
"""What starts, by which arguments of Python, and its bar: how often the base it may take at most."""


def _cpu_s(arguments: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=25)
    taken: dict[str, list[float]] = {way: [] for way in _WAYS}
    # Once more than asked for: the first time writes the bytecode.
    for _ in range(parser.parse_args().repeats + 1):
        for way, (arguments, _bar) in _WAYS.items():
            taken[way].append(_cpu_s(arguments))
    medians = {way: statistics.median(times[1:]) for way, times in taken.items()}
    missed = False
    for way, (_arguments, bar) in _WAYS.items():
        ratio = medians[way] / medians[_BASE]
        missed = missed or (bar is not None and ratio > bar)
        print(f"{way:36} {ratio:5.2f}" + (f"   at most {bar:.1f}" if bar else ""))
    raise SystemExit(missed)


if __name__ == "__main__":
    main()
