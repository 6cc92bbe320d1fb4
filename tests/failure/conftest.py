"""A suite that has outlived its killer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from testkit.flights import FLIGHT_COUNT
from testkit.killer import Killer, Survivor
from testkit.live import LiveSuite
from testkit.oracle.invoices import MONTHS

PARTS: Final = 8
KILLS_WHILE_BILLING: Final = 6
COMMAND_LIMIT_S: Final = 300.0
TRIES_MAX: Final = 20
AGAIN: Final = (4, 5)  # not ready yet; unreachable or overloaded


@pytest.fixture(scope="session")
def survivor(
    tmp_path_factory: pytest.TempPathFactory,
    flights: Path,
    catalog: Path,
    import_map: Path,
    pytestconfig: pytest.Config,
) -> Iterator[Survivor]:
    """Import and bill the year while every process of the suite is killed again and again."""
    directory = tmp_path_factory.mktemp("killed")
    with LiveSuite(directory) as suite:
        chance = random.Random(int(pytestconfig.getoption("--kill-seed")))
        killer = Killer(suite, chance, int(pytestconfig.getoption("--kills")))
        suite.run("apply", "-f", catalog)
        for number, part in enumerate(_parts(flights, directory)):
            share = max(killer.left - KILLS_WHILE_BILLING, 0) // (PARTS - number)
            _import_while_killing(killer, part, import_map, share)
        _bill_while_killing(killer)
        killer.wait_for_all()
        yield Survivor(suite, killer.killed)


def _parts(flights: Path, directory: Path) -> list[Path]:
    """Cut the CSV into parts with a header each, so that every kill falls into the import of something new."""
    header, *rows = flights.read_text(encoding="utf-8").splitlines()
    size = -(-FLIGHT_COUNT // PARTS)
    parts = []
    for number in range(PARTS):
        part = directory / f"flights-{number}.csv"
        part.write_text("\n".join([header, *rows[number * size : (number + 1) * size]]) + "\n", encoding="utf-8")
        parts.append(part)
    return parts


def _import_while_killing(killer: Killer, part: Path, import_map: Path, kills: int) -> None:
    """Import a part until so many kills have hit it and a run has come to its end."""
    left_at_end = killer.left - kills
    row_count = part.read_text(encoding="utf-8").count("\n") - 1
    while True:
        command = ("import", part, "--map", import_map, "--backfill", "--wait-s", "0", "-o", "json")
        printed = _run_while_killing(killer, command, killer.left - left_at_end)
        result = json.loads(printed)
        # An acknowledgement that was lost with its process makes a duplicate of what had become durable.
        assert (result["accepted"] + result["duplicates"], result["conflicts"], result["refused"]) == (
            row_count,
            [],
            [],
        )
        if killer.left <= left_at_end:
            return


def _bill_while_killing(killer: Killer) -> None:
    """Finalize all months."""
    for number, month in enumerate(MONTHS):
        share = -(-killer.left // (len(MONTHS) - number))
        _run_while_killing(killer, ("invoice", "finalize", "--period", month), share)


def _run_while_killing(killer: Killer, arguments: tuple[str | Path, ...], kills: int) -> str:
    """Run a command while processes die, again and again until it succeeds; return what it printed then."""
    left_at_end, complaints = killer.left - kills, ""
    for _ in range(TRIES_MAX):
        command = killer.suite.begin(*arguments)
        killer.kill_during(command, killer.left - left_at_end)
        printed, complaints = command.communicate(timeout=COMMAND_LIMIT_S)
        if command.returncode == 0:
            return printed
        # Whatever was down, a command says so in its exit code: to be run again.
        assert command.returncode in AGAIN, complaints
        killer.wait_for_all()
    message = f"{arguments} did not succeed in {TRIES_MAX} tries: {complaints}"
    raise AssertionError(message)
