"""Files as other systems write them: numbers with many digits, and what `--check` says before anything is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: r-units}
spec: {eventTypes: [r.used], aggregation: SUM, value: n}
"""
CONTRACT = """
---
kind: Plan
metadata: {name: r-plan}
spec: {currency: USD, items: [{name: Units, meter: r-units, price: {perUnit: "0.000000000000000001"}}]}
---
kind: Customer
metadata: {name: dco}
spec: {currency: USD}
---
kind: Contract
metadata: {name: dco-1}
spec: {customer: dco, plan: r-plan, start: "2024-01-01", timeZone: UTC}
"""
MAP = """
id: "{Id}"
source: {const: export}
type: {column: Type}
customer: {column: Cust}
time: {column: When}
properties: {n: {column: Qty}}
nulls: [""]
"""


class Files:
    """A map, and CSV files of rows (id, quantity) with everything else alike unless it is given."""

    def __init__(self, folder: Path, text: str = MAP) -> None:
        self.folder, self.map = folder, folder / "map.yaml"
        self.map.write_text(text)

    def csv(self, *rows: tuple[str, str]) -> Path:
        file = self.folder / "rows.csv"
        lines = [f'{event_id},r.used,dco,2024-03-05T10:00:00Z,"{quantity}"\n' for event_id, quantity in rows]
        file.write_text("Id,Type,Cust,When,Qty\n" + "".join(lines))
        return file


def total(tenant: Tenant, customer: str = "dco") -> str:
    row = ("--customer", customer, "--from", "2024-03-01", "--to", "2024-04-01", "--wait")
    return str(tenant.json("usage", "r-units", *row)["rows"][0]["quantity"])


def checked(tenant: Tenant, files: Files, file: Path, *options: str, code: int = 7) -> dict[str, Any]:
    done = tenant.run("import", file, "--map", files.map, "--check", *options, "-o", "json", expected=(code,))
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_file_that_writes_fifteen_digits_in_every_row_is_counted(
    make_tenant: Callable[[str], Tenant], tmp_path: Path
) -> None:
    tenant, files = make_tenant("digits"), Files(tmp_path)
    tenant.apply(CATALOG + CONTRACT)
    file = files.csv(
        ("d1", "2.000000000000000"),
        ("d2", "0.002007490000000"),
        ("d3", "3.0E-7"),
        ("d4", "0.000000000000000001"),
        ("d5", "999999999999999999"),
    )

    result = tenant.json("import", file, "--map", files.map, "--backfill")

    assert result["accepted"] == 5
    assert total(tenant) == "1000000000000000001.002007790000000001"
    assert tenant.json("get", "parked", "r-units") == []
    charges = tenant.json("charges", "--customer", "dco", "--period", "2024-03")
    assert "1.000000000000000001002007790000000001" in json.dumps(charges)
    invoice = tenant.json("invoice", "preview", "--customer", "dco", "--period", "2024-03")
    assert invoice["total"] == "1.00"


def test_what_is_sent_again_written_otherwise_is_a_conflict(
    make_tenant: Callable[[str], Tenant], tmp_path: Path
) -> None:
    tenant, files = make_tenant("again"), Files(tmp_path)
    tenant.apply(CATALOG)

    tenant.json("import", files.csv(("d1", "2")), "--map", files.map, "--backfill")
    done = tenant.run("import", files.csv(("d1", "2.0")), "--map", files.map, "--backfill", expected=(7,))

    (conflict,) = json.loads(done.stdout)["conflicts"]
    assert "stored '2', sent '2.0'" in conflict["message"]
    assert total(tenant) == "2"


def test_a_check_tells_by_line_and_reason_what_would_not_count_and_keeps_nothing(
    make_tenant: Callable[[str], Tenant], tmp_path: Path
) -> None:
    tenant, files = make_tenant("check"), Files(tmp_path)
    tenant.apply(CATALOG + CONTRACT)
    file = files.csv(("d1", "2.000000000000000"), ("d2", "1e3"), ("d3", "1,000.5"), ("d4", ""), ("", "1"), ("d1", "3"))
    with file.open("a") as more:
        more.write("d1,r.used,dco,2024-03-05T10:00:00Z,2.000000000000000\n")
        more.write("d6,r.other,dco,2024-03-05T10:00:00Z,1\nd7,r.used,stranger,2024-03-05T10:00:00Z,1\n")
        more.write("d8,r.used,dco,1970-01-20T10:00:00Z,1\nd9,r.used,dco,soon,1\n")

    found = checked(tenant, files, file, "--backfill")

    assert (found["accepted"], found["duplicates"]) == (6, 1)
    (conflict,) = found["conflicts"]
    assert conflict["message"].startswith("line 7: line 2 has another event with this source and id")
    assert [(refusal["reason"], refusal["message"].split(":")[0]) for refusal in found["refused"]] == [
        ("FIELD_REQUIRED", "line 6"),
        ("TIME_TOO_OLD", "line 11"),
        ("FIELD_INVALID", "line 12"),
    ]
    assert found["uncountedByReason"] == {"VALUE_INVALID": 2, "VALUE_MISSING": 1, "NO_METER": 1}
    assert [(event["id"], event["meter"], event["reason"]) for event in found["uncounted"]] == [
        ("d2", "r-units", "VALUE_INVALID"),
        ("d3", "r-units", "VALUE_INVALID"),
        ("d4", "r-units", "VALUE_MISSING"),
        ("d6", "", "NO_METER"),
    ]
    assert found["uncounted"][0]["message"].startswith("line 3: property n: '1e3' is not a plain decimal")
    assert found["customersWithoutContract"] == [{"customer": "stranger", "events": 1}]
    table = tenant.run("import", file, "--map", files.map, "--check", "--backfill", "-o", "table", expected=(7,))
    assert "VALUE_INVALID" in table.stdout
    assert "stranger" in table.stdout

    # Nothing was kept, so the mended file goes in with the same ids.
    mended = Files(tmp_path, MAP.replace("{column: Qty}", "{number: Qty}"))
    file = mended.csv(("d1", "2.000000000000000"), ("d2", "1e3"), ("d3", "1000.5"))
    assert checked(tenant, mended, file, "--backfill", code=0)["accepted"] == 3
    assert tenant.json("import", file, "--map", mended.map, "--backfill")["accepted"] == 3
    assert total(tenant) == "2002.5"


def test_a_check_without_backfill_names_what_is_too_old(make_tenant: Callable[[str], Tenant], tmp_path: Path) -> None:
    tenant, files = make_tenant("old"), Files(tmp_path)
    tenant.apply(CATALOG)

    found = checked(tenant, files, files.csv(("d1", "1")))

    assert [refusal["reason"] for refusal in found["refused"]] == ["TIME_TOO_OLD"]


def test_json_lines_are_checked_by_the_same_rules(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("lines")
    tenant.apply(CATALOG)
    event = {"source": "a", "type": "r.used", "customer": "c", "time": "2024-03-05T10:00:00Z"}
    lines = [
        {"id": "1", "properties": {"n": "2.000000000000000"}},
        {"id": "2", "properties": {"n": "3.0E-7"}},
        {"id": "1", "properties": {"n": "2.000000000000000"}},
        {"id": " 3", "properties": {"n": "1"}},
    ]

    done = tenant.run(
        *("report", "-f", "-", "--backfill", "--check"),
        stdin="\n".join(json.dumps(event | line) for line in lines),
        expected=(7,),
    )

    found = json.loads(done.stdout)
    assert (found["accepted"], found["duplicates"], found["conflicts"]) == (2, 1, [])
    assert [refusal["field"] for refusal in found["refused"]] == ["id"]
    assert [(entry["id"], entry["reason"]) for entry in found["uncounted"]] == [("2", "VALUE_INVALID")]
