"""How many documents a second `meterline apply` takes: `python -m benchmarks.catalog --customers 20000`.

Customers and as many contracts, from one YAML file, by the command itself against the whole suite: from start to
end, so reading the file, checking everything and writing it are in the figure. Beside each rate stands the CPU time
that it took, which says more on a machine that has other work. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import processes
from benchmarks.__main__ import running_suite

if TYPE_CHECKING:
    from benchmarks.__main__ import Suite

_BAR: Final = 2_000
_PLAN: Final = 'kind: Plan\nmetadata: {name: p}\nspec: {currency: USD, items: [{name: A, fixed: {amount: "1"}}]}\n'


def write_catalog(file: Path, customers: int, end: str = "") -> None:
    """Write a plan, and customers with a contract each."""
    more = f", end: {end}" if end else ""
    with file.open("w") as out:
        out.write(_PLAN)
        out.writelines(
            f"---\nkind: Customer\nmetadata: {{name: customer-{n}}}\nspec: {{currency: USD}}\n"
            for n in range(customers)
        )
        out.writelines(
            f"---\nkind: Contract\nmetadata: {{name: contract-{n}}}\n"
            f"spec: {{customer: customer-{n}, plan: p, start: 2024-01-01{more}, timeZone: Europe/Vienna}}\n"
            for n in range(customers)
        )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    customers: int = parser.parse_args().customers
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        first, changed = directory / "first.yaml", directory / "changed.yaml"
        write_catalog(first, customers)
        write_catalog(changed, customers, end="2030-01-01")
        with running_suite(directory) as suite:
            for name, file in (("new", first), ("unchanged", first), ("new end of every contract", changed)):
                before, started = _cpu_s(suite), time.perf_counter()
                command = ["-m", "meterline", "--context", str(suite.context_file), "apply", "-f", str(file)]
                subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
                rate = (2 * customers + 1) / (time.perf_counter() - started)
                missed = missed or rate < _BAR
                per_1000 = {part: (after - before[part]) * 500 / customers for part, after in _cpu_s(suite).items()}
                used = ", ".join(f"{part} {cpu_s:.3f}" for part, cpu_s in per_1000.items())
                print(f"{name:30} {rate:7,.0f} documents/s, at least {_BAR:,}; CPU s for 1,000: {used}", flush=True)
    raise SystemExit(missed)


def _cpu_s(suite: Suite) -> dict[str, float]:
    """Return the CPU seconds used so far by the commands that have ended, by rating and by the database server."""
    of_commands = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = processes.used({name: suite.context.pids[name] for name in ("rating", "postgres")})
    return {"command": of_commands.ru_utime + of_commands.ru_stime} | {name: one.cpu_s for name, one in used.items()}


if __name__ == "__main__":
    main()
