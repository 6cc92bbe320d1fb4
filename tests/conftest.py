"""Options of the tests that run the whole suite, and the data they share."""

from __future__ import annotations

from pathlib import Path

import pytest

from testkit.flights import ROOT, flights_csv
from testkit.killer import KILLS_DEFAULT
from testkit.lives import LIVES_DEFAULT
from testkit.oracle import Oracle


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the failure tests and of the scenarios on Kubernetes."""
    parser.addoption(
        "--kills",
        type=int,
        default=KILLS_DEFAULT,
        help="how many processes the failure tests kill (default: %(default)s)",
    )
    parser.addoption("--kill-seed", type=int, default=2013, help="seed of when and whom the failure tests kill")
    parser.addoption(
        "--lives", type=int, default=LIVES_DEFAULT, help="how many contracts live through a year (default: %(default)s)"
    )
    parser.addoption("--lives-seed", type=int, default=2023, help="seed of what happens to them")
    parser.addoption("--k8s", action="store_true", help="run the scenarios on a Kubernetes of their own: make test-k8s")
    parser.addoption("--k8s-rounds", type=int, default=1, help="how often they replace each service (default: 1)")
    parser.addoption("--k8s-keep", type=Path, help="folder in which the logs of the cluster are kept")


@pytest.fixture(scope="session")
def flights() -> Path:
    """The CSV with every flight that left New York in 2013."""
    return flights_csv()


@pytest.fixture(scope="session")
def catalog() -> Path:
    """The demo's catalog file."""
    return ROOT / "demo" / "catalog.yaml"


@pytest.fixture(scope="session")
def import_map() -> Path:
    """The demo's import map."""
    return ROOT / "demo" / "flights.map.yaml"


@pytest.fixture(scope="session")
def oracle(flights: Path, catalog: Path) -> Oracle:
    """What the invoices must say, computed by another route."""
    return Oracle.compute(flights, catalog)
