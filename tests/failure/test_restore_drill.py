"""The drill of a lost machine: a backup under load, everything killed, restored elsewhere, and billed as by a twin.

With `--kills 200` (`make test-slow`) there is a hundred times as much to back up.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from testkit.live import LiveSuite, Tenant
from testkit.producer import Event, Producer

pytestmark = pytest.mark.timeout(1800)

JANUARY_EVENTS: Final = 3_000
LARGE_FACTOR: Final = 100
LARGE_FROM_KILLS: Final = 200
PREFIX: Final = "INV"
CUSTOMERS: Final = ("acme", "bolt", "cato")
METER: Final = """
kind: Meter
metadata: {name: parts}
spec: {eventTypes: [sms.sent], aggregation: SUM, value: parts, groupBy: [country], unit: part}
---
kind: Plan
metadata: {name: messaging}
spec:
  currency: EUR
  items:
    - {name: Base fee, fixed: {amount: "9.90"}}
    - {name: Messages, meter: parts, price: {graduated: {tiers: [{upTo: "100", unit: "0.0525"}, {unit: "0.0415"}]}}}
"""
CUSTOMER: Final = """
---
kind: Customer
metadata: {{name: {name}}}
spec: {{displayName: "{name}", currency: EUR}}
---
kind: Contract
metadata: {{name: {name}-2024}}
spec: {{customer: {name}, plan: messaging, start: "2024-01-01", timeZone: Europe/Vienna}}
"""
CATALOG: Final = METER + "".join(CUSTOMER.format(name=name) for name in CUSTOMERS)


def event(name: str, number: int, month: str) -> Event:
    return {
        "id": f"{name}-{number}",
        "source": "gateway",
        "type": "sms.sent",
        "customer": CUSTOMERS[number % len(CUSTOMERS)],
        "time": f"2024-{month}-{number % 28 + 1:02}T{number % 24:02}:00:00+00:00",
        "properties": {"parts": f"{number % 1000}.{number % 7}", "country": ("AT", "DE")[number % 2]},
    }


def february(number: int) -> Event:
    # Every tenth comes late, for a month that is billed.
    return event("new", number, "01" if number % 10 == 0 else "02")


def lines_of(events: Iterable[Event]) -> str:
    return "".join(f"{json.dumps(each)}\n" for each in events)


@dataclass
class Drill:
    """The suite that came back, and what was known before of the one that was lost."""

    suite: LiveSuite
    invoices: Any
    lost_invoices: Any
    usage: Any
    explained: Any
    january: Sequence[Event]
    producer: Producer
    backup_began_s: float


def usage_of(run: Callable[..., Any], month: int) -> Any:
    period = ("--from", f"2024-0{month}-01", "--to", f"2024-0{month + 1}-01")
    found = run("usage", "parts", *period, "--window", "day", "--group-by", "country", "--wait")
    return {**found, "asOf": None}


@pytest.fixture(scope="module")
def drill(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config, tell: Callable[[str], None]
) -> Iterator[Drill]:
    """Bill January, back up while February comes in, lose everything, and restore."""
    factor = LARGE_FACTOR if int(pytestconfig.getoption("--kills")) >= LARGE_FROM_KILLS else 1
    january = [event("old", number, "01") for number in range(JANUARY_EVENTS * factor)]
    directory = tmp_path_factory.mktemp("drill")
    lost, backup = LiveSuite(directory / "lost"), directory / "backup"
    with lost:
        lost.run("apply", "-f", "-", stdin=CATALOG)
        lost.run("report", "-f", "-", "--backfill", stdin=lines_of(january))
        lost.run("invoice", "finalize", "--period", "2024-01")
        invoices = lost.json("invoice", "list")
        usage = usage_of(lost.json, 1)
        explained = lost.json("explain", invoices[0]["lines"][1]["id"], "--events", "--limit", "0")
        with Producer(lost.ready_file, february) as producer:
            producer.wait_for_more(10)
            began_s = time.monotonic()
            tell(lost.run("backup", backup).stdout)
            # Invoices that customers have, and that the backup knows nothing of.
            lost_invoices = lost.json("invoice", "finalize", "--period", "2024-02")
            producer.wait_for_more(10)
            lost.lose()
    came_back = LiveSuite(directory / "restored")
    came_back.directory.mkdir()
    began_restore_s = time.monotonic()
    tell(lost.run("restore", backup, "--into", came_back.directory / "data").stdout)
    with came_back:
        minutes = (time.monotonic() - began_restore_s) / 60
        tell(f"{minutes:.2f} minutes from the loss to a suite that serves\n")
        yield Drill(came_back, invoices, lost_invoices, usage, explained, january, producer, began_s)


@pytest.fixture(scope="module")
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print a figure of the drill, whatever pytest captures."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            sys.stdout.write(f"\n{text.strip()}")

    return say


def test_what_was_billed_is_as_it_was(drill: Drill) -> None:
    assert drill.suite.json("invoice", "list") == drill.invoices
    assert drill.suite.json("invoice", "verify")["problems"] == []
    line = drill.invoices[0]["lines"][1]
    assert drill.suite.json("explain", line["id"], "--events", "--limit", "0") == drill.explained


def test_everything_acknowledged_before_the_backup_is_there(drill: Drill) -> None:
    acknowledged = drill.producer.events(acknowledged_before_s=drill.backup_began_s)

    again = drill.suite.json("report", "-f", "-", "--backfill", stdin=lines_of([*drill.january, *acknowledged]))

    assert acknowledged
    assert again == {
        "accepted": 0,
        "duplicates": len(drill.january) + len(acknowledged),
        "conflicts": [],
        "refused": [],
    }


def test_what_is_sent_again_counts_once_and_is_billed_as_by_a_twin(
    drill: Drill, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    sent = drill.producer.events()
    twin = Tenant.create(drill.suite, "twin", tmp_path)
    twin.apply(CATALOG)
    twin.report(*drill.january)
    twin.run("invoice", "state-last", "--none-lost", PREFIX)
    assert twin.json("invoice", "finalize", "--period", "2024-01")

    again = drill.suite.json("report", "-f", "-", "--backfill", stdin=lines_of(sent))
    assert twin.report(*sent)["accepted"] == len(sent)

    lost = again["accepted"]
    assert (again["duplicates"], again["conflicts"], again["refused"]) == (len(sent) - lost, [], [])
    assert 0 < lost < len(sent), "the backup must fall between the events"
    tell(f"{len(drill.january) + len(sent):,} events, of which {lost:,} came after the backup and were sent again\n")
    for month in (1, 2):
        assert usage_of(drill.suite.json, month) == usage_of(twin.json, month)
    refused = drill.suite.run("invoice", "finalize", "--period", "2024-02", expected=(4,))
    assert "NUMBERS_HELD" in refused.stderr
    drill.suite.run("invoice", "state-last", max(invoice["number"] for invoice in drill.lost_invoices))
    billed, expected = (run("invoice", "finalize", "--period", "2024-02") for run in (drill.suite.json, twin.json))
    assert sorted(map(content_of, billed)) == sorted(map(content_of, expected))
    assert not numbers_of(billed) & (numbers_of(drill.lost_invoices) | numbers_of(drill.invoices))
    assert any(line["kind"] == "adjustment" for invoice in billed for line in invoice["lines"])
    assert drill.suite.json("invoice", "verify")["problems"] == []


def numbers_of(invoices: Iterable[dict[str, Any]]) -> set[str]:
    return {invoice["number"] for invoice in invoices}


def content_of(invoice: dict[str, Any]) -> Any:
    """What an invoice says, without the number, ids and hashes that are its own."""
    lines = [
        (line["kind"], line["item"], line["quantity"], line.get("exactAmount"), line["amount"])
        for line in invoice["lines"]
    ]
    return (invoice["customer"], invoice["billingPeriod"], invoice["total"], lines)
