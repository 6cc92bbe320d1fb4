"""How long a draft catalog takes over true history: `python -m benchmarks.simulate --customers 8334`.

So many customers with a contract and twelve months each that are rated permanently (a fee and two meters, one with
tiers), by `meterline price simulate -o csv` against the whole suite, from the command's start to its end. The months
are written as rating writes them, with their digests, which each reading proves. Also with `--cheapest`, which asks
for every plan. The catalog as it is must change nothing, and the sums of a draft must be those of a plain count. Exits
with 1 when 100,000 months take more than the bar.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from benchmarks import processes
from benchmarks.__main__ import running_suite
from chassis.postgres import open_engine, transaction
from chassis.settings import ServiceSettings
from eventlog.as_of import AsOf
from money import currency, round_to_minor_unit
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.boundaries import Interval
from rating.domain.charges import MeterUsage, Terms, Usage
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.tiers import Tier
from rating.domain.rated_period import rate_period
from rating.domain.versions import Version
from rating.store.charges import add_rated_period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.__main__ import Suite

_BAR_S: Final = 60.0
_PERIODS: Final = 100_000
_LABELS: Final = tuple(f"2024-{month:02d}" for month in range(1, 13))
_ZONE: Final = "Europe/Vienna"
_METERS: Final = """kind: Meter
metadata: {name: calls}
spec: {eventTypes: [call], aggregation: COUNT}
---
kind: Meter
metadata: {name: minutes}
spec: {eventTypes: [call], aggregation: SUM, value: minutes}
"""


def plan_text(low: str, name: str = "p") -> str:
    """Return the plan in a catalog."""
    tiers = f'{{graduated: {{tiers: [{{upTo: "100", unit: "{low}"}}, {{unit: "0.04"}}]}}}}'
    items = (
        '{name: Base, fixed: {amount: "29.99"}}',
        f"{{name: Calls, meter: calls, price: {tiers}}}",
        '{name: Minutes, meter: minutes, price: {perUnit: "0.015"}}',
    )
    return f"kind: Plan\nmetadata: {{name: {name}}}\nspec: {{currency: USD, items: [{', '.join(items)}]}}\n"


def plan_of(low: str) -> Plan:
    """Return the same plan as rating has it."""
    tiers = (Tier(Decimal(100), Decimal(low), Decimal(0)), Tier(None, Decimal("0.04"), Decimal(0)))
    items = (
        PlanItem("Base", "", "", Price(FixedFee(Decimal("29.99")))),
        PlanItem("Calls", "calls", "", Price(Graduated(tiers))),
        PlanItem("Minutes", "minutes", "", Price(PerUnit(Decimal("0.015")))),
    )
    return Plan("USD", items)


def write_catalog(file: Path, customers: int) -> None:
    """Write meters, two plans, and customers with a contract each."""
    with file.open("w") as out:
        out.write("---\n".join((_METERS, plan_text("0.05"), plan_text("0.01", "other"))))
        for number in range(customers):
            out.write(f"---\nkind: Customer\nmetadata: {{name: customer-{number}}}\nspec: {{currency: USD}}\n")
            out.write(
                f"---\nkind: Contract\nmetadata: {{name: contract-{number}}}\n"
                f"spec: {{customer: customer-{number}, plan: p, start: 2024-01-01, timeZone: {_ZONE}}}\n"
            )


def months_of(number: int, plan: Plan) -> Iterator[tuple[Terms, Usage]]:
    """Yield the months of a customer with what was used in them."""
    schedule = Schedule(datetime(2024, 1, 1, tzinfo=UTC).date(), None, 1, _ZONE, Interval.MONTH)
    for place, label in enumerate(_LABELS):
        period = period_labelled(schedule, label)
        assert period is not None
        calls = MeterUsage(Decimal(number * 7 % 230 + place), "", 1)
        minutes = MeterUsage(Decimal(number * 13 % 5000) / 8, "", 1)
        version = Version("p", 1, period.start, plan)
        terms = Terms(f"contract-{number}", f"customer-{number}", period, _ZONE, version)
        yield terms, Usage({"calls": calls, "minutes": minutes}, AsOf("e", {0: 1}), f"snap-{number}-{label}")


async def fill(dsn: str, customers: int) -> None:
    """Write the months of all customers as rated permanently."""
    options: dict[str, Any] = {"dsn": dsn, "jwks_file": "none"}
    engine = open_engine(dsn, ServiceSettings(**options))
    plan, rated_at = plan_of("0.05"), datetime(2025, 1, 2, tzinfo=UTC)
    try:
        async with transaction(engine) as conn:
            tenant = (await conn.execute(text("SELECT tenant FROM customer LIMIT 1"))).scalar_one()
        for first in range(0, customers, 50):
            async with transaction(engine) as conn:
                for number in range(first, min(first + 50, customers)):
                    for terms, usage in months_of(number, plan):
                        await add_rated_period(conn, tenant, rate_period(terms, usage), rated_at)
    finally:
        await engine.dispose()


def counted(customers: int, plan: Plan) -> Decimal:
    """Return what a plan charges in all, by a plain count."""
    total, dollars = Decimal(0), currency("USD")
    for number in range(customers):
        for terms, usage in months_of(number, plan):
            rated = rate_period(terms, usage)
            total += sum(round_to_minor_unit(one.derivation.amount, dollars) for one in rated.charges)
    return total


def simulated(suite: Suite, *options: str) -> tuple[float, dict[str, float], list[dict[str, str]]]:
    """Return how long the command took, the CPU seconds of rating and the database, and its rows."""
    names = {name: suite.context.pids[name] for name in ("rating", "postgres")}
    before, started = processes.used(names), time.perf_counter()
    command = ["-m", "meterline", "--context", str(suite.context_file), "price", "simulate", "-o", "csv"]
    asked = ["--period", f"{_LABELS[0]}..{_LABELS[-1]}", *options]
    done = subprocess.run([sys.executable, *command, *asked], check=True, capture_output=True, text=True)
    took_s, after = time.perf_counter() - started, processes.used(names)
    cpu_s = {name: after[name].cpu_s - before[name].cpu_s for name in names}
    return took_s, cpu_s, list(csv.DictReader(io.StringIO(done.stdout)))


def main() -> None:
    """Measure and print a line for each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=-(-_PERIODS // len(_LABELS)))
    customers: int = parser.parse_args().customers
    periods = customers * len(_LABELS)
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        catalog, same, draft = (directory / name for name in ("all.yaml", "same.yaml", "draft.yaml"))
        write_catalog(catalog, customers)
        same.write_text(plan_text("0.05"))
        draft.write_text(plan_text("0.06"))
        with running_suite(directory) as suite:
            command = ["-m", "meterline", "--context", str(suite.context_file), "apply", "-f", str(catalog)]
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            asyncio.run(fill(suite.context.dsn["rating"], customers))
            for name, file, low, *more in (
                ("the catalog as it is", same, "0.05"),
                ("a draft", draft, "0.06"),
                ("a draft, and the cheapest plan", draft, "0.06", "--cheapest"),
            ):
                took_s, cpu_s, rows = simulated(suite, "-f", str(file), *more)
                then = sum((Decimal(row["then"]) for row in rows), Decimal(0))
                is_right = (len(rows), then) == (customers, counted(customers, plan_of(low)))
                changes = sum(row["difference"] != "0.00" for row in rows)
                is_right = is_right and (low != "0.05" or not changes)
                for_bar_s = took_s * _PERIODS / periods
                missed = missed or not is_right or (not more and for_bar_s > _BAR_S)
                used = ", ".join(f"{part} {one:.1f}" for part, one in cpu_s.items())
                print(
                    f"{name:32} {took_s:6.1f} s for {periods:,} months ({periods / took_s:,.0f} a second; {_PERIODS:,} "
                    f"would take {for_bar_s:.1f} s, at most {_BAR_S:.0f}), exact: {is_right}; CPU s: {used}",
                    flush=True,
                )
    raise SystemExit(missed)


if __name__ == "__main__":
    main()
