"""Catalog files: what is read, and the one clear error for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import FieldViolation, InvalidRequest, Reason
from meterline.catalog.files import Entry, read_catalog
from meterline.catalog.kinds import KINDS
from meterline.catalog.parts import parts_of
from meterline.catalog.published import schema_text
from meterline.cli.catalog_faults import placed
from meterline.errors import InputError, InputErrors
from meterline.yaml_text import StrictLoader

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
      price: {graduated: {tiers: [{upTo: 10000, unit: 0}, {upTo: "100000", unit: 0.05, flat: 1}, {unit: "0.04"}]}}
"""
CONTRACT = """
kind: Contract
metadata: {name: c1}
spec: {customer: acme, plan: p, start: 2013-01-01, end: 2014-01-01, timeZone: UTC}
"""


class WithoutAliases(yaml.SafeDumper):
    """Writes out a value that stands at two places."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def write(folder: Path, text: str) -> Path:
    file = folder / "catalog.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def load_catalog(files: list[Path]) -> list[Entry]:
    found = read_catalog(files)
    if found.mistakes:
        raise InputErrors(found.mistakes)
    return found.entries


def read(folder: Path, text: str) -> list[Entry]:
    return load_catalog([write(folder, text)])


def schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema_text()))


def test_a_meter_is_read(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, METER)

    spec = entry.request.spec

    assert (entry.kind, entry.name, entry.request.name) == (KINDS["Meter"], "air-minutes", "air-minutes")
    assert list(spec.event_types) == ["flight.operated"]
    assert {filtered.property: list(filtered.values) for filtered in spec.filters} == {
        "origin": ["EWR", "JFK"],
        "dest": ["BOS"],
    }
    assert (spec.value_property, spec.bucket_minutes) == ("air_time", 5)
    assert spec.effective_from.ToJsonString() == "2013-01-01T00:00:00Z"


def test_numbers_keep_the_text_they_were_written_as(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, PLAN)

    items = entry.request.spec.items

    assert items[0].fixed.amount == "500.00"
    assert [(tier.up_to, tier.unit_price, tier.flat) for tier in items[1].usage.graduated.tiers] == [
        ("10000", "0", ""),
        ("100000", "0.05", "1"),
        ("", "0.04", ""),
    ]


def test_what_the_contract_requires_and_people_leave_out_has_a_default(tmp_path: Path) -> None:
    contract, profile = read(tmp_path, f"{CONTRACT}---\nkind: BillingProfile\nspec: {{graceHours: 36}}\n")

    assert contract.request.spec.interval == 1
    assert (profile.name, profile.request.spec.number_prefix) == ("default", "INV")
    assert profile.request.spec.grace.seconds == 36 * 3600


SHORT = """
kind: Plan
metadata: {name: p}
spec:
  currency: EUR
  items:
    - {name: a, meter: m, price: {perUnit: "0.03"}}
    - {name: b, meter: m, price: {volume: {tiers: [{upTo: 5, unit: 1}, {unit: 2}]}}}
    - {name: c, meter: m, price: {package: {size: 10, unit: 3}}}
    - {name: d, fixed: {amount: 9}, cost: {fixed: {amount: 2}}}
    - {name: e, meter: m, price: {perUnit: 1}, cost: {perUnit: 0.2}}
"""
LONG = """
kind: Plan
metadata: {name: p}
spec:
  currency: EUR
  items:
    - {name: a, meter: m, usage: {perUnit: {unitPrice: "0.03"}}}
    - {name: b, meter: m, usage: {volume: {tiers: [{upTo: 5, unitPrice: 1}, {unitPrice: 2}]}}}
    - {name: c, meter: m, usage: {package: {size: 10, unitPrice: 3}}}
    - {name: d, fixed: {amount: 9}, cost: {fixed: {amount: 2}}}
    - {name: e, meter: m, usage: {perUnit: {unitPrice: 1}}, cost: {usage: {perUnit: {unitPrice: 0.2}}}}
"""


def test_a_short_form_means_what_the_contract_spells_out(tmp_path: Path) -> None:
    (short,), (long,) = read(tmp_path, SHORT), read(tmp_path, LONG)

    assert short.request == long.request


def test_a_price_model_needs_nothing_of_the_command_line(tmp_path: Path) -> None:
    # Stairstep has no short forms: the contract is all that is known of it.
    model = "stairstep: {tiers: [{upTo: 100, amount: 20}, {amount: 50}]}"
    (entry,) = read(tmp_path, SHORT.replace('perUnit: "0.03"', model))

    tiers = entry.request.spec.items[0].usage.stairstep.tiers
    assert [(tier.up_to, tier.amount) for tier in tiers] == [("100", "20"), ("", "50")]


@pytest.mark.parametrize("text", [METER, PLAN, CONTRACT, SHORT, LONG, "kind: BillingProfile\nspec: {graceHours: 36}"])
def test_the_published_schema_takes_what_is_read(text: str) -> None:
    assert list(schema().iter_errors(yaml.load(text, StrictLoader))) == []  # noqa: S506 - a SafeLoader


def test_the_published_schema_takes_the_catalog_of_the_demo() -> None:
    file = Path(__file__).parents[4] / "demo" / "catalog.yaml"
    documents = yaml.load_all(file.read_text(encoding="utf-8"), StrictLoader)

    assert [error.message for document in documents for error in schema().iter_errors(document)] == []


@pytest.mark.parametrize(
    "text",
    [
        METER.replace("unit: min", "unitt: min"),
        METER.replace("SUM", "MEDIAN"),
        METER.replace("eventTypes: [flight.operated], ", ""),
        METER.replace("kind: Meter", "kind: Metre"),
        PLAN.replace("currency: USD", "currency: usd"),
        PLAN.replace("meter: air", "fixed: {amount: 1}\n      meter: air"),
        SHORT.replace("{unit: 2}", "{upTo: 9}"),
        CONTRACT.replace("plan: p, ", ""),
        CONTRACT.replace("metadata: {name: c1}\n", ""),
    ],
)
def test_the_published_schema_sees_a_mistake(text: str) -> None:
    assert not schema().is_valid(yaml.load(text, StrictLoader))  # noqa: S506 - a SafeLoader


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            METER.replace("unit: min", "unitt: min"),
            "line 4 (Meter air-minutes): spec.unitt: unknown; did you mean unit?",
        ),
        (
            METER.replace("unit: min", "unit: min, session: {timeoutSeconds: 1000000000000}"),
            "line 4 (Meter air-minutes): spec.session.timeoutSeconds: must be a whole number from 0 to 2678400: '1000",
        ),
        (METER.replace("SUM", "MEDIAN"), "spec.aggregation: 'MEDIAN' isn't known; write one of SUM, COUNT,"),
        (
            METER.replace("kind: Meter", "kind: Metre"),
            "line 2: kind 'Metre' isn't known; write one of EventSchema, Meter,",
        ),
        (METER.replace("value: air_time", "value: air_time, value: x"), "given twice"),
        (
            METER.replace("value: air_time", "value: air_time, valueProperty: x"),
            "it means the same as value; leave one out",
        ),
        (
            METER.replace("bucketMinutes: 5", "bucketMinutes: 5.5"),
            "line 4 (Meter air-minutes): spec.bucketMinutes:",
        ),
        (METER.replace("bucketMinutes: 5", "bucketMinutes: 7"), "spec.bucketMinutes: must be one of 0, 1, 5, 15: '7'"),
        (METER.replace("2013-01-01T00:00:00Z", "soon"), "spec.effectiveFrom: 'soon' isn't a valid time; write"),
        (METER.replace("unit: min", "unit: true"), "spec.unit: must be a text, in quotes where YAML"),
        (METER.replace("00:00:00Z", "00:00:00"), "it has no offset; add Z or one such as -05:00"),
        (
            METER.replace("filter: {origin: [EWR, JFK], dest: BOS}", "filter: [dest]"),
            "spec.filter: must map properties",
        ),
        (METER.replace("value: air_time", "value: {expr: air_time}"), "with the key expression and no other"),
        (
            METER.replace("[origin]", "[{nam: a, expression: b}]"),
            "spec.groupBy: unknown; did you mean name? The keys are name, expression",
        ),
        (METER.replace("metadata: {name: air-minutes}", "metadata: {}"), "line 3: metadata must be {name: …}"),
        (
            PLAN.replace("{amount: 500.00}", "{amount: [1]}"),
            "line 7 (Plan airline-standard): spec.items[0].fixed.",
        ),
        (
            PLAN.replace("unit: 0.05", "units: 0.05"),
            "spec.items[1].price.graduated.tiers[1].units: unknown; did you mean unit?",
        ),
        (
            PLAN.replace("meter: air", "fixed: {amount: 1}\n      meter: air"),
            "spec.items[1]: write only one of",
        ),
        (PLAN.replace("  items:", "  items: none\n  itemz:"), "spec.items: must be a list"),
        (PLAN.replace("{amount: 500.00}", ""), "spec.items[0].fixed: is empty; write a text"),
        (
            PLAN.replace("{amount: 500.00}", "{amount: 5, proration: day}"),
            "spec.items[0].fixed.proration: unknown here; it belongs one level higher",
        ),
        (
            PLAN.replace("currency:", "Currency:"),
            "spec.Currency: unknown; did you mean currency? The keys are currency",
        ),
        (METER.replace("[origin]", "origin"), "spec.groupBy: must be a list: write ['origin']"),
        (
            CONTRACT.replace("plan: p", "plan: p, discounts: [{name: d, percent: 5, periods: 0}]"),
            "spec.discounts[0].periods: must be 1 or more; leave it out for a discount without end",
        ),
        (
            CONTRACT.replace("spec:", "name: c1\nspec:"),
            "'name' has no place here; the document must have the keys kind",
        ),
        ("kind: Plan\nmetadata: [", "isn't valid YAML"),
        ("- just a list", "each document must have the keys kind, metadata"),
        (f"{CONTRACT}---{CONTRACT}", "line 8 (Contract c1): given twice; the first is in"),
    ],
)
def test_each_mistake_is_told_with_its_place_and_what_to_write(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)

    assert told in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "catalog.yaml"))
    assert "\n" not in str(raised.value)


PLACED = """
kind: Customer
metadata: {name: acme}
spec: {currency: EUR}
---
kind: Plan
metadata: {name: basic}
spec:
  currency: EUR
  items:
    - name: Calls
      meter: calls
      price:
        graduated:
          tiers:
            - {upTo: 10, unit: 0}
            - {upTo: 20, unit: x, flat: y}
---
kind: Meter
metadata: {name: calls}
spec:
  eventTypes: [call]
  aggregation: COUNT
  filter: {a: b}
"""


@pytest.mark.parametrize(
    ("entry", "field", "told"),
    [
        # As the rules of the contract name a field, and as the domain does.
        (1, "entries[1].plan.spec.items[0].usage.graduated.tiers[1].flat", "17|items[0].price.graduated.tiers[1].flat"),
        (1, "spec.items[0].usage.graduated.tiers[1].unit_price", "17|items[0].price.graduated.tiers[1].unit"),
        (1, "spec.items[0].usage.graduated.tiers[0].flat", "16|items[0].price.graduated.tiers[0].flat"),
        (1, "spec.items[0].usage.graduated", "14|items[0].price.graduated"),
        (1, "spec.effective_from", "8|effectiveFrom"),
        (1, "spec.items[3].product", "10|items[3].product"),
        (2, "spec.filters[0].values", "24|filter"),
        (2, "spec.value_property", "21|value"),
    ],
)
def test_what_a_service_refuses_is_told_where_it_was_written(tmp_path: Path, entry: int, field: str, told: str) -> None:
    entries = sorted(read(tmp_path, PLACED), key=lambda entry: ["acme", "basic", "calls"].index(entry.name))
    violation = FieldViolation(field, Reason.PRICE_INVALID, "no good")
    metadata = {} if field.startswith("entries") else {"entry": str(entry)}
    refused = InvalidRequest(Reason.PRICE_INVALID, "refused", violations=(violation,), metadata=metadata)

    (shown,) = placed(refused, entries)

    line, _, path = told.partition("|")
    document = ("Customer acme", "Plan basic", "Meter calls")[entry]
    assert shown.message == f"{tmp_path / 'catalog.yaml'}, line {line} ({document}): spec.{path}: no good"
    assert (type(shown), shown.reason) == (InvalidRequest, Reason.PRICE_INVALID)


def test_a_name_that_a_service_refuses_is_told_too(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, METER)
    violation = FieldViolation("name", Reason.FIELD_INVALID, "no good")

    (fault,) = placed(InvalidRequest(Reason.REQUEST_INVALID, "refused", violations=(violation,)), [entry])
    shown = fault.message

    assert "(Meter air-minutes): metadata.name: no good" in shown


def test_a_field_is_named_as_files_spell_it_whether_it_was_written_or_not(tmp_path: Path) -> None:
    violation = FieldViolation("spec.anchor_day", Reason.CONTRACT_INVALID, "no good")
    refused = InvalidRequest(Reason.CONTRACT_INVALID, "refused", violations=(violation,))

    for text in (CONTRACT, CONTRACT.replace("spec: {", "spec: {anchorDay: 32, ")):
        assert "spec.anchorDay: no good" in placed(refused, read(tmp_path, text))[0].message


def test_a_rule_of_the_contract_is_told_in_its_own_words(tmp_path: Path) -> None:
    entries = read(tmp_path, PLAN)
    violation = FieldViolation("entries[0].plan.spec.currency", Reason.FIELD_INVALID, "must match a pattern")
    refused = InvalidRequest(Reason.REQUEST_INVALID, "refused", violations=(violation,))

    shown = placed(refused, entries)[0].message

    assert "spec.currency: must match a pattern. ISO 4217 code in capitals: write USD, not usd." in shown


@pytest.mark.parametrize("text", ["a: " + "[" * 20_000, "? [a]\n: b\n", "a: &x {b: *x}\n", "a: \x00\n"])
def test_yaml_that_is_not_a_catalog_is_one_clear_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"catalog\.yaml") as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)


ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ALIASES, r"anchors and aliases .* write the value out at each place.* line 1"),
        (METER.replace("[origin]", "&keys [origin]"), "anchors and aliases .* line 4"),
        (METER.replace("[origin]", "*keys"), "anchors and aliases .* line 4"),
        ("a: " + "[" * 20_000, "nested too deeply, in more than 64 lists"),
        ("a: " + "{b: " * 20_000, "nested too deeply, in more than 64 lists"),
        ("#" * (16 * 1024 * 1024 + 1), "larger than 16 MiB; split it"),
    ],
    ids=["bomb", "anchor", "alias", "lists", "mappings", "bytes"],
)
def test_a_small_file_can_not_become_a_large_one_in_memory(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["NO", "no", "n", "Y", "yes", "on", "Off", "TRUE", "False"])
def test_only_true_and_false_are_no_texts(tmp_path: Path, text: str) -> None:
    (entry,) = read(tmp_path, CONTRACT.replace("name: c1", f"name: {text}").replace("plan: p", f"plan: {text}"))

    assert (entry.name, entry.request.name, entry.request.spec.plan) == (text, text, text)
    assert yaml.load("[true, false, null]", StrictLoader) == [True, False, None]  # noqa: S506 - a SafeLoader


@given(
    st.recursive(
        st.text("ano: {}[]-#&*!1.", max_size=4) | st.booleans() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    )
)
def test_whatever_is_written_as_yaml_is_read_as_it_was(document: object) -> None:
    assert yaml.load(yaml.dump(document, Dumper=WithoutAliases), StrictLoader) == document  # noqa: S506 - a SafeLoader


def test_bytes_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_bytes(METER.replace("min,", "m\xednuto,").encode("cp1252"))

    with pytest.raises(InputError, match=r"isn't UTF-8: byte \d+ is 0xed"):
        load_catalog([file])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.yaml"):
        load_catalog([tmp_path / "nothing.yaml"])


def test_all_mistakes_of_all_documents_are_told_together(tmp_path: Path) -> None:
    text = """
kind: Plan
metadata: {name: a}
spec:
  currency: USD
  colour: red
  items:
    - {name: One, meter: m, price: {perUnit: [1]}}
    - {name: Two, meter: m, price: {graduated: {tiers: [{upTo: 1, unit: 2, flats: 3}, {limit: 5}]}}}
---
kind: Contract
metadata: {name: c}
spec: {customer: [x], plan: a, start: 2024-01-01, timeZone: UTC, anchorDay: first}
---
kind: Robot
spec: {}
---
kind: Customer
metadata: {name: k, label: x}
spec: {currency: USD}
"""

    with pytest.raises(InputErrors) as caught:
        read(tmp_path, text)

    file = tmp_path / "catalog.yaml"
    assert [told.removeprefix(f"{file}, line ").split("; ")[0].split(": must")[0] for told in caught.value.texts] == [
        "6 (Plan a): spec.colour: unknown",
        "8 (Plan a): spec.items[0].price.perUnit",
        "9 (Plan a): spec.items[1].price.graduated.tiers[0].flats: unknown",
        "9 (Plan a): spec.items[1].price.graduated.tiers[1].limit: unknown",
        "13 (Contract c): spec.customer",
        "13 (Contract c): spec.anchorDay",
        "15: kind 'Robot' isn't known",
        "19: metadata must be {name: …}, a text",
    ]


def test_of_documents_that_cant_be_read_it_is_known_what_they_would_have_been(tmp_path: Path) -> None:
    wrong = (
        "kind: Plan\nmetadata: {name: p}\nspec: {currency: USD, colour: red}\n---\n"
        "kind: Robot\nmetadata: {name: r}\nspec: {}\n---\nkind: Customer\nspec: {currency: USD}\n"
    )

    found = read_catalog([write(tmp_path, wrong)])

    assert (len(found.mistakes), found.entries, found.is_whole) == (3, [], True)
    assert found.refused == {("Plan", "p"), ("Customer", "")} | {(kind, "r") for kind in KINDS}


def test_a_file_that_breaks_off_does_not_hide_the_mistakes_of_others(tmp_path: Path) -> None:
    broken, wrong = tmp_path / "a.yaml", tmp_path / "b.yaml"
    broken.write_text("kind: Plan\nspec: {")
    wrong.write_text("kind: Robot\nspec: {}")

    with pytest.raises(InputErrors) as caught:
        load_catalog([broken, wrong, tmp_path / "missing.yaml"])

    assert [text.split(" ")[1] for text in caught.value.texts] == ["isn't", "line", "can't"]


def test_a_large_catalog_is_divided_so_that_each_part_stands_on_its_own(tmp_path: Path) -> None:
    plan = (
        "kind: Plan\nmetadata: {name: p}\nspec: {currency: USD, items: [{name: A, product: s, price: {perUnit: 1}}]}\n"
    )
    product = "kind: Product\nmetadata: {name: s}\nspec: {meter: m}\n"
    customers = [f"kind: Customer\nmetadata: {{name: c{n}}}\nspec: {{currency: USD}}\n" for n in range(1200)]
    contracts = [
        f"kind: Contract\nmetadata: {{name: k{n}}}\n"
        f"spec: {{customer: c{n % 1200}, plan: p, start: 2024-01-0{1 + n // 1200}, timeZone: UTC}}\n"
        for n in range(2400)
    ]
    entries = read(tmp_path, "---\n".join([plan, product, *contracts, *customers]))

    parts = parts_of(entries)

    assert sorted(entry.name for part in parts for entry in part.entries) == sorted(entry.name for entry in entries)
    assert all(len(part.entries) <= 1000 for part in parts)
    assert {entry.name for entry in parts[0].entries} >= {"p", "s"}
    for part in parts[1:]:
        names = {entry.name for entry in part.entries}
        assert {entry.name for entry in part.needed} == {"p", "s"}
        assert all(entry.request.spec.customer in names for entry in part.entries if entry.kind.name == "Contract")


def test_a_small_catalog_is_one_part(tmp_path: Path) -> None:
    (part,) = parts_of(read(tmp_path, f"{PLAN}---\n{CONTRACT}"))

    assert [entry.name for entry in part.entries] == ["airline-standard", "c1"]
    assert part.needed == []
