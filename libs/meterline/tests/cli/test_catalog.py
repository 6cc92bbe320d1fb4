"""Catalogue files: what is read, and the one clear error for each mistake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest

from meterline.cli.catalog import load_catalog, schema_text
from meterline.cli.catalog_checks import check
from meterline.cli.catalog_messages import meter_spec, plan_spec
from meterline.errors import InputError

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
    assert [(tier.up_to, tier.unit_price, tier.flat) for tier in tiers] == [
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


SOUND_PLAN = PLAN.replace("flat: 1e3", "flat: 1")
CONTRACT = """
kind: Contract
metadata: {name: c1}
spec: {customer: acme, plan: p, start: 2013-01-01, end: 2014-01-01, timeZone: UTC}
"""


def renewed(start: str) -> str:
    return CONTRACT.replace("c1", "c2").replace("2013-01-01, end: 2014-01-01", start)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CONTRACT.replace("2013-01-01", "2013-02-30"), "2013-02-30"),
        (CONTRACT.replace("2014-01-01", "2013-01-01"), "CONTRACT_INVALID"),
        (CONTRACT.replace("UTC", "Mars/Base"), "TIME_ZONE_UNKNOWN"),
        (f"{CONTRACT}---{renewed('2013-12-31')}", "CONTRACT_OVERLAP"),
        (f"{renewed('2012-01-01')}---{CONTRACT}", "CONTRACT_OVERLAP"),
        (f"{CONTRACT}---{CONTRACT}", "given twice"),
        (SOUND_PLAN.replace("upTo: 10000", "upTo: 100000"), "TIERS_INVALID"),
        (SOUND_PLAN.replace("upTo: 10000", "upTo: 0"), "TIERS_INVALID"),
        (
            PLAN.replace("flat: 1e3", "flat: 1").replace('{unit: "0.04"}', '{upTo: 200000, unit: "0.04"}'),
            "TIERS_INVALID",
        ),
        (SOUND_PLAN.replace("upTo: 10000, ", ""), "TIERS_INVALID"),
        (SOUND_PLAN.replace("Air minutes", "Base fee"), "PLAN_INVALID"),
        (METER.replace("value: air_time, ", ""), "METER_INVALID"),
        (METER.replace("SUM", "COUNT"), "METER_INVALID"),
    ],
)
def test_what_documents_say_alone_is_checked_before_any_service_is_asked(
    tmp_path: Path, text: str, reason: str
) -> None:
    entries = load_catalog(write(tmp_path, text))

    with pytest.raises(InputError, match=reason) as raised:
        check(entries)
    assert "catalog.yaml, document" in str(raised.value)


@pytest.mark.parametrize("start", ["2014-01-01", "2012-01-01, end: 2013-01-01"])
def test_contracts_that_follow_each_other_do_not_overlap(tmp_path: Path, start: str) -> None:
    check(load_catalog(write(tmp_path, f"{CONTRACT}---{renewed(start)}")))


@pytest.mark.parametrize("text", ["a: " + "[" * 20_000, "? [a]\n: b\n", "a: &x {b: *x}\n", "a: \x00\n"])
def test_yaml_that_is_no_catalogue_is_one_clear_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"catalog\.yaml") as raised:
        load_catalog(write(tmp_path, text))
    assert "\n" not in str(raised.value)


def test_bytes_that_are_no_utf_8_are_named(tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_bytes(METER.replace("min,", "m\xednuto,").encode("cp1252"))

    with pytest.raises(InputError, match=r"not UTF-8: byte \d+ is 0xed"):
        load_catalog(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.yaml"):
        load_catalog(tmp_path / "nothing.yaml")
