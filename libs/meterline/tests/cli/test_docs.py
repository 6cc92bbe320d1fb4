"""docs/cli.md names every command and every option, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer

from meterline.catalog.files import read_catalog
from meterline.cli.app import app
from meterline.cli.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT: Final = (Path(__file__).parents[4] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS: Final = dict(commands(typer.main.get_command(app), "meterline"))


def section(name: str) -> str:
    (text,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    return str(text)


def test_every_command_has_its_section() -> None:
    assert set(re.findall(r"^## (meterline .+)$", DOCUMENT, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_named_in_the_section_of_its_command(name: str) -> None:
    rows = re.findall(r"^\| (`-.+?`) \|", section(name), re.MULTILINE)
    documented = {option for row in rows for option in re.findall(r"`(-[^`]+)`", row)}

    options = [parameter for parameter in COMMANDS[name].params if parameter.param_type_name == "option"]
    assert documented == {text for option in options for text in option.opts}


def test_every_exit_code_is_named() -> None:
    for code in ExitCode:
        assert f"\n| {int(code)} | " in DOCUMENT


def test_the_plans_in_the_documentation_of_prices_can_be_applied(tmp_path: Path) -> None:
    document = (Path(__file__).parents[4] / "docs" / "pricing.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```yaml\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)
    file = tmp_path / "plans.yaml"
    file.write_text("---\n".join(examples), encoding="utf-8")

    read = read_catalog([file])
    plans = {entry.name: entry for entry in read.entries if entry.kind.name == "Plan"}

    assert not read.mistakes
    wanted = ("with-tiers", "by-country", "by-the-clock", "by-the-minute")
    with_tiers, by_country, by_the_clock, by_the_minute = (plans[name] for name in wanted)
    rows = by_country.request.spec.items[0].usage.matrix.rows
    assert [(row.when[0].property, list(row.when[0].values)) for row in rows] == [
        ("country", ["AT", "DE"]),
        ("country", ["FR"]),
    ]
    tiers = with_tiers.request.spec.items[0].usage.graduated.tiers
    assert [(tier.up_to, tier.unit_price, tier.flat) for tier in tiers] == [("100", "0.05", "2"), ("", "0.04", "3")]
    (peak,) = by_the_clock.request.spec.items[0].usage.calendar.classes
    assert (peak.name, list(peak.days), peak.to) == ("peak", [1, 2, 3, 4, 5], "20:00")
    convert = by_the_minute.request.spec.items[0].usage.convert
    assert (convert.divide, convert.increment, convert.unit) == ("60", "1", "min")
