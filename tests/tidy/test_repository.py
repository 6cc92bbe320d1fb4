"""What the repository holds: one shape for every service, clean locks, nothing of anybody's own machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import tidy
from meterline.suite.services import SERVICES as SPECS
from meterline.suite.services import ServiceSpec

ROOT = tidy.ROOT
SERVICES = sorted(spec.name for spec in SPECS)
MEMBERS = sorted(path.parent for folder in ("libs", "services") for path in (ROOT / folder).glob("*/pyproject.toml"))
LOCKS = [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "demo" / "requirements.txt"]
# What every service is made of; a store or operations that grew past one file is a package of the same name.
SHAPE = {
    "__init__",
    "__main__",
    "config",
    "domain",
    "migrations",
    "operations",
    "rpc",
    "store",
    "telemetry",
    "wire",
}
MAY_HAVE = {"intake", "loops", "web"}  # work besides answering calls: at the door, in the background, or over HTTP
FLOOR = {"operations", "store", "wire"}
NO_NOUNS = {
    "deps",
    "owners",
    "finding",
    "folding",
    "corrections",
    "issuing",
    "anew",
    "remembered",
    "viewers",
    "passed_on",
    "asking",
    "advance",
    "gathering",
    "segments",
    "counting",
    "drafts",
    "moments",
    "seldom",
    "recounting",
    "rereading",
    "rulings",
    "watching",
    "add_ons",
    "parents",
    "side_by_side",
}


def names(folder: Path) -> set[str]:
    """The modules and packages of a folder by name."""
    return {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_service_has_the_same_rooms(spec: ServiceSpec) -> None:
    found = names(ROOT / "services" / spec.name / "src" / spec.name)

    assert found - MAY_HAVE == SHAPE | ({"upstream"} if spec.asks else set())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_use_case_has_its_noun_in_the_rooms_beside_it(spec: ServiceSpec) -> None:
    floor = FLOOR | ({"web"} if spec.serves_web else set())
    rooms = {room: names(ROOT / "services" / spec.name / "src" / spec.name / room) for room in sorted(floor)}

    nouns = set().union(*(rooms[room] for room in floor - {"operations"}))
    assert rooms["operations"] - nouns - NO_NOUNS == set()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_tells_what_it_is_and_how_it_is_built(service: str) -> None:
    assert (ROOT / "services" / service / "README.md").exists()
    assert {path.name for path in (ROOT / "services" / service / "tests").iterdir() if path.is_dir()} >= {
        "unit",
        "store",
        "rpc",
    }


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.name)
def test_every_distribution_says_the_same_of_itself(member: Path) -> None:
    project = tomllib.loads((member / "pyproject.toml").read_text())["project"]

    assert project["requires-python"] == ">=3.11"
    assert project["license"] == "Apache-2.0"
    assert project["version"] == "0.1.0"
    assert [
        package for package in (member / "src").iterdir() if package.is_dir() and not (package / "py.typed").exists()
    ] == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_depends_on_another(service: str) -> None:
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in project["dependencies"]}

    assert required & {f"metering-{other}" for other in SERVICES} == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_package_of_a_lock_is_pinned_and_hashed(lock: Path) -> None:
    entries = [entry for entry in re.split(r"\n(?=\S)", lock.read_text()) if entry and not entry.startswith("#")]

    assert entries
    assert [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_lock_names_an_address(lock: Path) -> None:
    assert re.findall(r".*(?://|@ ).*", lock.read_text()) == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_lock_of_a_service_is_a_part_of_the_whole_one(service: str) -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==[^\s;\\]+", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    assert pins(f"{service}.txt") <= pins("dev.txt")


def test_the_lock_that_names_hosts_stays_out(files: list[tidy.SourceFile]) -> None:
    assert "uv.lock" not in {file.path.rsplit("/", 1)[-1] for file in files}


def test_every_list_of_services_names_those_that_the_suite_runs() -> None:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    suite = tomllib.loads((ROOT / "libs/meterline/pyproject.toml").read_text())["project"]["optional-dependencies"]
    contracts = {contract["name"]: contract for contract in workspace["importlinter"]["contracts"]}
    lists = {
        "folders": [path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml")],
        "locks": [service for service in SERVICES if (ROOT / "requirements" / f"{service}.txt").exists()],
        "types": [path.split("/")[1] for path in workspace["mypy"]["mypy_path"] if path.startswith("services/")],
        "independence": contracts["Services do not know one another"]["modules"],
        "libraries": contracts["Libraries know no service"]["forbidden_modules"],
        "money": contracts["Money stands on the standard library alone"]["forbidden_modules"],
        "linted": workspace["importlinter"]["root_packages"],
        "suite": [text.removeprefix("metering-") for text in suite["suite"]],
    }

    assert [(name, service) for name, names in lists.items() for service in SERVICES if service not in names] == []
    for exact in ("folders", "types", "independence"):
        assert sorted(lists[exact]) == SERVICES
