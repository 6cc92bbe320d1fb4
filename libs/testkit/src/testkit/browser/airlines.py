"""A tenant with the demo's real flights: October and November 2013 are billed, December is a draft."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from testkit.flights import ROOT, flights_csv
from testkit.live import LiveSuite, Tenant

MONTHS: Final = ("2013-10", "2013-11", "2013-12")
BILLED: Final = MONTHS[:2]
DRAFT: Final = MONTHS[2]
TRACE_LINK: Final = "https://traces.example.com/trace/{traceId}"
PROFILE: Final = f"""
sellerName: Sky Ledger
traceLink: "{TRACE_LINK}"
labels:
  meters: {{flights: Flights, air-minutes: Air minutes, aircraft: Aircraft, worst-delay: Worst delay}}
  properties: {{origin: Airport, dest: Destination, tailnum: Aircraft, air_time: Air time, dep_delay: Delay}}
  units: {{flight: {{one: flight, other: flights}}, min: {{one: minute, other: minutes}}}}
"""


def flights_of_months(path: Path) -> Path:
    """Write the flights of the months to a file."""
    wanted = {str(int(month[5:])) for month in MONTHS}
    with flights_csv().open(encoding="utf-8", newline="") as source, path.open("w", encoding="utf-8") as target:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(target, rows.fieldnames or ())
        writer.writeheader()
        writer.writerows(row for row in rows if row["month"] in wanted)
    return path


def airlines(suite: LiveSuite, directory: Path, name: str = "airlines") -> Tenant:
    """Make the tenant: catalog, profile, flights, and the invoices of the billed months."""
    tenant = Tenant.create(suite, name, directory)
    tenant.run("apply", "-f", ROOT / "demo" / "catalog.yaml")
    profile = directory / "profile.yaml"
    profile.write_text(PROFILE, encoding="utf-8")
    tenant.run("portal", "brand", profile)
    tenant.run(
        "import",
        flights_of_months(directory / "flights.csv"),
        "--map",
        ROOT / "demo" / "flights.map.yaml",
        "--backfill",
    )
    for month in BILLED:
        tenant.run("invoice", "finalize", "--period", month)
    return tenant
