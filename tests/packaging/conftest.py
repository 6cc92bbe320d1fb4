"""Environments made of nothing but a lock and the wheels of some members."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


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


@pytest.fixture(scope="session")
def make_environment(
    build_wheel: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Path, Sequence[str]], Path]:
    """Makes an environment of its own from a lock and members, and returns its Python."""

    def make(name: str, lock: Path, members: Sequence[str]) -> Path:
        environment = tmp_path_factory.mktemp(name) / "venv"
        python = environment / "bin" / "python"
        succeed([sys.executable, "-m", "venv", "--without-pip", environment])
        install_lock(python, lock)
        wheels = map(build_wheel, members)
        succeed([BIN / "python", "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", *wheels])
        return python

    return make
