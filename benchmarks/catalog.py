"""How many documents a second `meterline apply` takes: `python -m benchmarks.catalog --customers 20000`.

Customers and as many contracts, from one YAML file, by the command itself against the whole suite: from start to
end, so reading the file, checking everything and writing it are in the figure. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.__main__ import running_suite

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
                started = time.perf_counter()
                command = ["-m", "meterline", "--context", str(suite.context_file), "apply", "-f", str(file)]
                subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
                rate = (2 * customers + 1) / (time.perf_counter() - started)
                missed = missed or rate < _BAR
                print(f"{name:30} {rate:7,.0f} documents/s, at least {_BAR:,}")
    raise SystemExit(missed)


if __name__ == "__main__":
    main()
