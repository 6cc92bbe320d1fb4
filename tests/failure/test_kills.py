"""kill -9 of every process, Postgres included, at random moments of an import and of a billing run.

Nothing is lost, doubled or half-written, and doing all of it again changes nothing. `--kills N` kills more,
`--kill-seed S` at other moments.
"""

from __future__ import annotations

import hashlib
import struct
from collections import defaultdict
from pathlib import Path

import asyncpg
import pytest

from testkit.flights import FLIGHT_COUNT
from testkit.killer import VICTIMS, Survivor
from testkit.oracle import Oracle, comparable
from testkit.oracle.invoices import MONTHS

pytestmark = pytest.mark.timeout(3600)  # the first test imports and bills the year under fire


def test_every_process_was_killed_and_came_back(survivor: Survivor, pytestconfig: pytest.Config) -> None:
    assert survivor.killed.total() == pytestconfig.getoption("--kills")
    assert set(survivor.killed) == set(VICTIMS)


def test_every_invoice_still_equals_the_oracle(survivor: Survivor, oracle: Oracle) -> None:
    assert {key: comparable(invoice) for key, invoice in survivor.invoices().items()} == oracle.invoices


def test_invoice_numbers_have_no_gap_and_the_chain_holds(survivor: Survivor) -> None:
    numbers = sorted(invoice["number"] for invoice in survivor.invoices().values())

    assert numbers == [f"INV-{ordinal:06d}" for ordinal in range(1, len(numbers) + 1)]
    assert survivor.suite.json("invoice", "verify")["problems"] == []


async def test_the_log_is_dense_and_chained_and_holds_every_flight_once(survivor: Survivor) -> None:
    connection = await asyncpg.connect(survivor.suite.context["dsn"]["ingest"])
    try:
        segments = await connection.fetch(
            "SELECT lane, first_position, count, payload, digest, chain FROM segment ORDER BY lane, first_position"
        )
        heads = {row["lane"]: row for row in await connection.fetch("SELECT lane, position, chain FROM lane_head")}
        (keys, places) = await connection.fetchrow("SELECT count(*), count(DISTINCT (lane, position)) FROM event_key")
    finally:
        await connection.close()

    # Written once more from the contract's words: SHA-256(previous || digest || lane u32 || first u64 || count u32).
    position: dict[int, int] = defaultdict(int)
    chain: dict[int, bytes] = defaultdict(lambda: bytes(32))
    for segment in segments:
        lane, first, count = segment["lane"], segment["first_position"], segment["count"]
        assert first == position[lane] + 1
        assert segment["digest"] == hashlib.sha256(segment["payload"]).digest()
        chain[lane] = hashlib.sha256(chain[lane] + segment["digest"] + struct.pack(">IQI", lane, first, count)).digest()
        assert segment["chain"] == chain[lane]
        position[lane] += count
    assert {lane: (head["position"], head["chain"]) for lane, head in heads.items()} == {
        lane: (position[lane], chain[lane]) for lane in heads
    }
    assert sum(position.values()) == keys == places == FLIGHT_COUNT


def test_doing_all_of_it_again_changes_nothing(survivor: Survivor, flights: Path, import_map: Path) -> None:
    before = survivor.invoices()

    again = survivor.suite.json("import", flights, "--map", import_map, "--backfill")
    for month in MONTHS:
        survivor.suite.run("invoice", "finalize", "--period", month)

    assert again == {"accepted": 0, "duplicates": FLIGHT_COUNT, "conflicts": [], "refused": []}
    assert survivor.invoices() == before
