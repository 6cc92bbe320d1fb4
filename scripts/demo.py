"""`make demo`: bills a year of real flights, and follows one invoice line back to its events and traces.

It does what a user would do by hand, and prints each command. KEEP=1 leaves the suite running afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from testkit.flights import FLIGHT_COUNT, ROOT, FlightsUnavailableError, flights_csv
from testkit.live import CommandError, LiveSuite

CATALOG: Final = Path("demo/catalog.yaml")
IMPORT_MAP: Final = Path("demo/flights.map.yaml")
PROFILE: Final = Path("demo/portal.yaml")
MONTHS: Final = tuple(f"2013-{month:02d}" for month in range(1, 13))
AIRLINE_COUNT: Final = 16
SHOWN_CUSTOMER: Final = "HA"
SHOWN_PERIOD: Final = "2013-09"
SHOWN_METER: Final = "aircraft"


def main() -> int:
    """Run the demo; return the exit code."""
    os.chdir(ROOT)
    keep = os.environ.get("KEEP", "") not in {"", "0"}
    Path(".meterline").mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="demo-", dir=".meterline")).resolve()
    suite = LiveSuite(directory)
    try:
        _run(suite)
        if keep:
            _say_how_to_go_on(suite)
    except (CommandError, FlightsUnavailableError, AssertionError) as error:
        keep = True
        print(f"\nmake demo: {error}\nWhat the services said is in {directory}.", file=sys.stderr)
        return 1
    finally:
        suite.stop()
        if not keep:
            shutil.rmtree(directory)
    return 0


def _run(suite: LiveSuite) -> None:
    began_s = time.monotonic()
    with _step("The data: every flight that left New York in 2013 (fetched once)"):
        flights = flights_csv()
    with _step("Four services and a portal over a bundled PostgreSQL", "up"):
        suite.start()
    with _step("Meters, plans, customers and contracts", f"apply -f {CATALOG}"):
        suite.run("apply", "-f", CATALOG)
    with _step("The seller's name and colour, and words for the portal", f"portal brand {PROFILE}"):
        suite.run("portal", "brand", PROFILE)
    with _step(f"{FLIGHT_COUNT:,} flights become usage events", f"import {flights.name} --map {IMPORT_MAP} --backfill"):
        _import(suite, flights)
    with _step(f"{AIRLINE_COUNT} airlines are billed for 12 months", "invoice finalize --period 2013-01   (… 2013-12)"):
        invoices = [invoice for month in MONTHS for invoice in suite.json("invoice", "finalize", "--period", month)]
        _expect("invoices", len(invoices), AIRLINE_COUNT * len(MONTHS))
    invoice = next(
        invoice
        for invoice in invoices
        if (invoice["customer"], invoice["billingPeriod"]) == (SHOWN_CUSTOMER, SHOWN_PERIOD)
    )
    line = next(line for line in invoice["lines"] if line["meter"] == SHOWN_METER)
    with _step("One invoice", f"invoice show {invoice['number']}"):
        print(suite.run("invoice", "show", invoice["number"]).stdout)
    with _step("One of its lines, back to the events and the traces they came in", f"explain {line['id']} --events"):
        print(suite.run("explain", line["id"], "--events", "--limit", "100").stdout)
    print(f"\nDone in {time.monotonic() - began_s:.0f} s.")


def _import(suite: LiveSuite, flights: Path) -> None:
    done = suite.run(
        "import", flights, "--map", IMPORT_MAP, "--backfill", "-o", "json", show_progress=sys.stderr.isatty()
    )
    result: dict[str, Any] = json.loads(done.stdout)
    _expect("accepted", result["accepted"], FLIGHT_COUNT)
    _expect("duplicates", result["duplicates"], 0)
    _expect("refused", len(result["refused"]) + len(result["conflicts"]), 0)
    for meter, period in (("flights", "2013"), ("air-minutes", "2013")):
        shown = suite.json(
            "usage", meter, "--from", f"{period}-01-01", "--to", "2014-01-01", "--tz", "America/New_York", "--wait"
        )
        counted = sum(row["eventCount"] for row in shown["rows"])
        print(f"  {meter}: {counted:,} flights counted, {FLIGHT_COUNT - counted:,} parked because a value is missing")


def _expect(what: str, found: int, wanted: int) -> None:
    print(f"  {what}: {found:,}")
    if found != wanted:
        raise CommandError(f"{what}: {found:,} instead of {wanted:,}")


def _say_how_to_go_on(suite: LiveSuite) -> None:
    link = suite.json("portal", "link", "--customer", SHOWN_CUSTOMER, "--minutes", "60")["url"]
    seller = suite.json("portal", "seller")["url"]
    pid = suite.release()
    print(
        f"\nThe suite keeps running. Look around:\n"
        f"  {link}\n"
        f"    is what {SHOWN_CUSTOMER} sees; it can be opened once, within an hour\n"
        f"  {seller}\n"
        f"    is what the seller sees; the demo's token is in it (`meterline portal seller` prints it again)\n"
        f"  export METERLINE_CONTEXT={suite.ready_file}\n"
        f"  .venv/bin/meterline invoice list --customer UA\n"
        f"  .venv/bin/meterline --help\n"
        f"Stop it with `kill {pid}`; its state is in {suite.directory}."
    )


@contextlib.contextmanager
def _step(what: str, command: str = "") -> Iterator[None]:
    print(f"\n{what}" + (f"\n  $ meterline {command}" if command else ""), flush=True)
    began_s = time.monotonic()
    yield
    print(f"  {time.monotonic() - began_s:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
