"""Templates are catalogs as anybody would write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from meterline.catalog.files import read_catalog
from meterline.cli.templates import about, show_template, templates
from meterline.errors import InputError

NAMES = (
    "base-and-overage",
    "data",
    "llm-tokens",
    "pay-as-you-go",
    "prepaid-credits",
    "seats-and-usage",
    "sms",
    "tiered-family",
    "voice",
)


def test_every_template_is_there_and_says_what_it_is() -> None:
    found = templates()

    assert tuple(found) == NAMES
    assert all(text.startswith("# ") and about(text).endswith(".") for text in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_a_whole_catalog_of_its_own(name: str, tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_text(templates()[name], encoding="utf-8")

    read = read_catalog([file])

    meters = {entry.name for entry in read.entries if entry.kind.name == "Meter"}
    plans = [entry.request.spec for entry in read.entries if entry.kind.name == "Plan"]
    assert not read.mistakes
    assert plans
    assert {item.meter for plan in plans for item in plan.items if item.meter} == meters


def test_a_template_that_there_is_not_is_told_beside_those_that_there_are() -> None:
    with pytest.raises(InputError, match="write one of base-and-overage, data"):
        show_template("flat")
