"""kill -9 of every process, Postgres included, at random moments of an import and of a billing run.

Nothing is lost, doubled or half-written, and doing all of it again changes nothing. `--kills N` kills more,
`--kill-seed S` at other moments.
"""

from __future__ import annotations

import hashlib
import struct
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from testkit.flights import FLIGHT_COUNT
from testkit.killer import KILLS_DEFAULT, VICTIMS, Survivor
from testkit.oracle import Oracle, comparable
from testkit.oracle.invoices import MONTHS

COLUMNS = (
    "lane, first_position, count, payload, digest, chain, chain_rule, tenant, accepted_at, traceparent, min_time, "
    "max_time, customer_filter, backfill_id, reported_by"
)

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


def covered(segment: Mapping[str, Any]) -> bytes:
    """What rule 2 of the chain covers, written once more from the contract's words."""

    def text(value: str | bytes) -> bytes:
        data = value.encode() if isinstance(value, str) else value
        return struct.pack(">I", len(data)) + data

    def time(name: str) -> bytes:
        return struct.pack(">q", (segment[name] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))

    assert segment["chain_rule"] == 2
    backfill_id = segment["backfill_id"]
    owned = {
        "backfill_id": None if backfill_id is None else backfill_id.bytes,
        "customer_filter": segment["customer_filter"],
        "reported_by": segment["reported_by"],
    }
    owner_hash = hashlib.sha256(
        b"".join(text(name) + text(value) for name, value in owned.items() if value is not None)
    ).digest()
    place = struct.pack(">IQII", segment["lane"], segment["first_position"], segment["count"], 2)
    said = (
        text(segment["tenant"]),
        time("accepted_at"),
        text(segment["traceparent"]),
        time("min_time"),
        time("max_time"),
    )
    digest: bytes = segment["digest"]
    return digest + place + b"".join(said) + owner_hash


async def test_the_log_is_dense_and_chained_and_holds_every_flight_once(survivor: Survivor) -> None:
    connection = await asyncpg.connect(survivor.suite.context["dsn"]["ingest"])
    try:
        segments = await connection.fetch(f"SELECT {COLUMNS} FROM segment ORDER BY lane, first_position")  # noqa: S608
        heads = {row["lane"]: row for row in await connection.fetch("SELECT lane, position, chain FROM lane_head")}
        (keys, places) = await connection.fetchrow("SELECT count(*), count(DISTINCT (lane, position)) FROM event_key")
    finally:
        await connection.close()

    position: dict[int, int] = defaultdict(int)
    chain: dict[int, bytes] = defaultdict(lambda: bytes(32))
    for segment in segments:
        lane, first, count = segment["lane"], segment["first_position"], segment["count"]
        assert first == position[lane] + 1
        assert segment["digest"] == hashlib.sha256(segment["payload"]).digest()
        chain[lane] = hashlib.sha256(chain[lane] + covered(segment)).digest()
        assert segment["chain"] == chain[lane]
        position[lane] += count
    assert {lane: (head["position"], head["chain"]) for lane, head in heads.items()} == {
        lane: (position[lane], chain[lane]) for lane in heads
    }
    assert sum(position.values()) == keys == places == FLIGHT_COUNT


def test_doing_it_again_changes_nothing(
    survivor: Survivor, flights: Path, import_map: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """All of it after more kills than usual; else every fourth flight, and the first month of each quarter."""
    step = 1 if pytestconfig.getoption("--kills") > KILLS_DEFAULT else 4
    header, *rows = flights.read_text(encoding="utf-8").splitlines()
    again_file = tmp_path / "again.csv"
    again_file.write_text("\n".join([header, *rows[::step]]) + "\n", encoding="utf-8")
    before = survivor.invoices()

    again = survivor.suite.json("import", again_file, "--map", import_map, "--backfill")
    for month in MONTHS[:: 1 if step == 1 else 3]:
        survivor.suite.run("invoice", "finalize", "--period", month)

    assert again == {"accepted": 0, "duplicates": len(rows[::step]), "conflicts": [], "refused": []}
    assert survivor.invoices() == before
