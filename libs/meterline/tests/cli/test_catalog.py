"""Catalogue files: what is read, and the one clear error for each mistake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest

from meterline.cli.catalog import build, load_catalog, meter_spec, plan_spec, schema_text
from meterline.cli.running import InputError

if TYPE_CHECKING:
    from pathlib import Path

METER = """
kind: Meter
metadata: {name: air-minutes}
spec: {eventTypes: [flight.operated], aggregation: SUM, value: air_time, groupBy: [origin], unit: min, bucketMinutes: 5,
       filter: {origin: [EWR, JFK], dest: BOS}, effectiveFrom: 2013-01-01T00:00:00Z}
"""
PLAN = """
kind: Plan
metadata: {name: airline-standard}
spec:
  currency: USD
  items:
    - {name: Base fee, fixed: {amount: 500.00}}
    - name: Air minutes
      meter: air-minutes
      price: {graduated: {tiers: [{upTo: 10000, unit: 0}, {upTo: "100000", unit: 0.05, flat: 1e3}, {unit: "0.04"}]}}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "catalog.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def test_a_meter_is_read(tmp_path: Path) -> None:
    (entry,) = load_catalog(write(tmp_path, METER))

    spec = meter_spec(entry.spec)

    assert (entry.kind, entry.name) == ("Meter", "air-minutes")
    assert list(spec.event_types) == ["flight.operated"]
    assert {filtered.property: list(filtered.values) for filtered in spec.filters} == {
        "origin": ["EWR", "JFK"],
        "dest": ["BOS"],
    }
    assert spec.bucket_minutes == 5
    assert spec.effective_from.ToJsonString() == "2013-01-01T00:00:00Z"


def test_numbers_keep_the_text_they_were_written_as(tmp_path: Path) -> None:
    text = PLAN.replace("flat: 1e3", 'flat: "1000"')
    (entry,) = load_catalog(write(tmp_path, text))

    spec = plan_spec(entry.spec)

    assert spec.items[0].fixed.amount == "500.00"
    tiers = spec.items[1].usage.graduated.tiers
    assert [(tier.up_to, tier.unit, tier.flat) for tier in tiers] == [
        ("10000", "0", ""),
        ("100000", "0.05", "1000"),
        ("", "0.04", ""),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (METER.replace("unit: min", "unitt: min"), "unitt"),
        (METER.replace("SUM", "MEDIAN"), "MEDIAN"),
        (METER.replace("kind: Meter", "kind: Metre"), "Metre"),
        (METER.replace("value: air_time", "value: air_time, value: x"), "given twice"),
        (PLAN, "1e3"),
        (PLAN.replace("1e3", "NaN"), "NaN"),
        (PLAN.replace("1e3", '"\uff11\uff12"'), "\uff11\uff12"),
        (PLAN.replace("1e3", "-1"), "-1"),
        (PLAN.replace("currency: USD", "currency: usd"), "usd"),
        (PLAN.replace("fixed: {amount: 500.00}", "meter: a"), "Base fee"),
        ("kind: Plan\nmetadata: [", "no valid YAML"),
        ("- just a list", "the document"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        load_catalog(write(tmp_path, text))

    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_date_must_exist(tmp_path: Path) -> None:
    text = "kind: Contract\nmetadata: {name: c}\nspec: {customer: a, plan: p, start: 2013-02-30, timeZone: UTC}\n"
    (entry,) = load_catalog(write(tmp_path, text))

    with pytest.raises(InputError, match="2013-02-30"):
        build(entry)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.yaml"):
        load_catalog(tmp_path / "nothing.yaml")
