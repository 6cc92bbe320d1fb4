"""Processes and databases are killed while events are voided, replaced and reverted: each correction holds once.

So they are in the middle of a seal, with the snapshot written and not committed: it is sealed once, as ever.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from testkit.killer import Killer
from testkit.live import LiveSuite
from testkit.oracle import comparable
from testkit.wait import eventually, wait_until

CATALOG = """
kind: Meter
metadata: {name: k-units}
spec: {eventTypes: [k.used], aggregation: SUM, value: n}
---
kind: Meter
metadata: {name: k-calls}
spec: {eventTypes: [k.used], aggregation: COUNT}
---
kind: Plan
metadata: {name: k-plan}
spec:
  currency: USD
  items:
    - {name: Units, meter: k-units, price: {perUnit: "1"}}
    - {name: Calls, meter: k-calls, price: {perUnit: "0.01"}}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: K, graceHours: "0"}
---
kind: Customer
metadata: {name: k-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: k-one}
spec: {customer: k-cust, plan: k-plan, start: "2024-05-01", end: "2024-12-01", timeZone: UTC}
"""
LATE = """
kind: Meter
metadata: {name: k-late}
spec: {eventTypes: [k.used], aggregation: SUM, value: n}
"""
SEALED_OF: Final = {"k-calm": "", "k-hit": "aggregator", "k-struck": "postgres"}
"""Customers with the same usage, by what is killed while it is sealed."""
SEALED = """
---
kind: Customer
metadata: {name: NAME}
spec: {currency: USD}
---
kind: Contract
metadata: {name: NAME-one}
spec: {customer: NAME, plan: k-plan, start: "2024-05-01", end: "2024-12-01", timeZone: UTC}
"""
WRONG = 12_000
RIGHT = 12

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[LiveSuite]:
    with LiveSuite(tmp_path / "suite") as running:
        yield running


def used(event_id: str, n: int) -> dict[str, Any]:
    time = "2024-05-03T00:00:00Z"
    properties = {"n": str(n)}
    named = {"id": event_id, "source": "a", "type": "k.used", "customer": "k-cust"}
    return {**named, "time": time, "properties": properties}


def report(suite: LiveSuite, *events: dict[str, Any]) -> None:
    suite.run("report", "-f", "-", "--backfill", stdin="".join(json.dumps(event) + "\n" for event in events))


def listed(suite: LiveSuite) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = suite.json("events", "list", "--customer", "k-cust")["events"]
    return found


def test_every_correction_is_made_once_whoever_is_killed_meanwhile(suite: LiveSuite, tmp_path: Path) -> None:
    suite.json("apply", "-f", "-", stdin=CATALOG)
    report(suite, *(used(f"wrong-{number}", 3) for number in range(WRONG)))
    (wrong,) = suite.json("get", "backfills")
    report(suite, *(used(f"right-{number}", 10) for number in range(RIGHT)))
    (before,) = suite.json("invoice", "finalize", "--period", "2024-05", "--customer", "k-cust")
    replacing = tmp_path / "better.json"
    replacing.write_text(json.dumps({**used("", 4), "id": ""}), encoding="utf-8")
    killer = Killer(suite, random.Random(20), left=12, pause_longest_s=0.2)
    commands: list[tuple[str, ...]] = [("backfill", "revert", wrong["id"], "--reason", "a test", "--yes")]
    commands += [("events", "void", "a", f"right-{number}", "--reason", "a test") for number in range(3)]
    commands += [
        ("events", "replace", "a", f"right-{number}", "-f", str(replacing), "--reason", "a test")
        for number in (0, 4, 5)
    ]

    ends = []
    for command in commands:
        under_way = suite.begin(*command)
        killer.kill_during(under_way, 2)
        said = under_way.communicate(timeout=300)
        ends.append((command[:2], under_way.returncode, said[1]))
    killer.wait_for_all()

    assert [end for end in ends if end[1]] == []
    assert killer.killed.total() > 0
    held = {
        one["event"]["id"]: (one["event"]["properties"]["n"], one["kind"])
        for one in listed(suite)
        if one["takenBackAt"] == "0"
    }
    # What was voided first and replaced then holds as it was replaced.
    reported, replacement = "ENTRY_KIND_UNSPECIFIED", "ENTRY_KIND_REPLACEMENT"
    assert held == {
        **{f"right-{number}": ("4", replacement) for number in (0, 4, 5)},
        **{f"right-{number}": ("10", reported) for number in (3, 6, 7, 8, 9, 10, 11)},
    }
    corrections = {
        number: [one["kind"] for one in suite.json("events", "get", "a", f"right-{number}")["corrections"]]
        for number in (0, 1, 3, 4)
    }
    void = "ENTRY_KIND_VOID"
    assert corrections == {0: [void, replacement], 1: [void], 3: [], 4: [void, replacement]}
    (june,) = suite.json("invoice", "finalize", "--period", "2024-06", "--customer", "k-cust")
    assert before["total"] == f"{WRONG * 3 + RIGHT * 10 + (WRONG + RIGHT) // 100}.12"
    # 82 units in 10 events are left of it.
    assert june["total"] == f"-{WRONG * 3 + RIGHT * 10 - 82 + (WRONG + RIGHT - 10) // 100}.02"
    assert suite.json("invoice", "verify")["problems"] == []
    fill_while_killed(suite, killer)
    assert_conserved(suite)
    asyncio.run(seal_while_killed(suite))


def fill_while_killed(suite: LiveSuite, killer: Killer) -> None:
    """Let a new meter be filled from the log while processes are killed: it counts everything once."""
    suite.json("apply", "-f", "-", stdin=LATE)
    asking = ("usage", "k-late", "--from", "2024-05-01", "--to", "2024-06-01", "--customer", "k-cust", "--wait")
    under_way = suite.begin(*asking)
    killer.kill_during(under_way, 2)
    under_way.communicate(timeout=300)
    killer.wait_for_all()
    assert [row["quantity"] for row in suite.json(*asking)["rows"]] == ["82"]
    (status,) = suite.json("meter", "status", "k-late")
    assert status == {"name": "k-late", "version": 1, "filled": True, "pending": False, "fill": None}


async def seal_while_killed(suite: LiveSuite) -> None:
    """Kill what seals, and then its database, when a snapshot is written and not committed: it is sealed once."""
    suite.json("apply", "-f", "-", stdin="".join(SEALED.replace("NAME", name) for name in SEALED_OF))
    report(suite, *({**used(f"{name}-{n}", n), "customer": name} for name in SEALED_OF for n in range(1, 40)))
    suite.json("usage", "k-units", "--from", "2024-05-01", "--to", "2024-06-01", "--customer", "k-struck", "--wait")
    for name, victim in SEALED_OF.items():
        if victim:
            await kill_within_the_seal(suite, name, victim)

    finalize = ("invoice", "finalize", "--period", "2024-05")
    wait_until(lambda: suite.run(*finalize, expected=(0, 4, 5)).returncode == 0, 60, what="the month to be final")
    invoices = {one["customer"]: one for one in suite.json("invoice", "list") if one["customer"] in SEALED_OF}

    assert invoices["k-calm"]["total"] == "780.39"
    told = {name: {**comparable(invoice), "customer": ""} for name, invoice in invoices.items()}
    assert [told["k-hit"], told["k-struck"]] == [told["k-calm"]] * 2
    connection = await asyncpg.connect(suite.context["dsn"]["aggregator"])
    query = "SELECT customer, revision FROM usage_snapshot WHERE customer = ANY($1) ORDER BY customer"
    snapshots = [tuple(row) for row in await connection.fetch(query, list(SEALED_OF))]
    await connection.close()
    assert snapshots == [(name, 1) for name in sorted(SEALED_OF)]
    assert suite.json("invoice", "verify")["problems"] == []


async def kill_within_the_seal(suite: LiveSuite, customer: str, victim: str) -> None:
    """Let a seal come to its last statement but one, which a lock holds up, and kill there."""
    pid = suite.pid(victim)
    connection = await asyncpg.connect(suite.context["dsn"]["aggregator"])
    await connection.execute("BEGIN; LOCK TABLE seal_target IN SHARE MODE")
    sealing = suite.begin("invoice", "finalize", "--period", "2024-05", "--customer", customer)

    async def is_held_up() -> Any:
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'seal_target'::regclass AND NOT granted"
        return await connection.fetchval(waiting)

    await eventually(is_held_up, what="the seal to wait for the lock")
    os.kill(pid, signal.SIGKILL)
    connection.terminate()
    wait_until(lambda: suite.pid(victim) != pid, 60, what=f"{victim} to be restarted")
    sealing.communicate(timeout=300)


def assert_conserved(suite: LiveSuite) -> None:
    """See that every accepted event, the three replacements too, is where it has to be."""
    found = suite.json("reconcile")
    terms = [(one["accepted"], one["unasked"], one["difference"], one["balances"]) for one in found["meters"]]
    accepted = str(WRONG + RIGHT + 3)
    assert terms == [(accepted, "0", "0", True)] * 3
