"""The SDK installs alone and small: it comes into other people's programs."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = {
    tomllib.loads(file.read_text())["project"]["name"]: file.parent
    for file in sorted(ROOT.glob("libs/*/pyproject.toml"))
}

pytestmark = pytest.mark.timeout(300)


def required(name: str) -> list[str]:
    """What a distribution says that it needs: our own by their files, since what is installed may be older."""
    if name in MEMBERS:
        found: list[str] = tomllib.loads((MEMBERS[name] / "pyproject.toml").read_text())["project"]["dependencies"]
        return found
    return metadata.requires(name) or []


def needed_by(name: str) -> Iterator[str]:
    """A distribution and, one after the other, all that it needs without extras."""
    yield name
    for text in required(name):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from needed_by(requirement.name.lower())


NEEDED = set(needed_by("meterline"))


@pytest.fixture(scope="module")
def python(
    make_environment: Callable[[str, Path, Sequence[str]], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Python with the SDK and what it needs."""
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / "dev.txt").read_text())
    lock = tmp_path_factory.mktemp("lock") / "sdk.txt"
    lock.write_text("\n".join(entry for entry in entries if entry.split("==")[0] in NEEDED))
    members = [str(MEMBERS[name].relative_to(ROOT)) for name in sorted(NEEDED & MEMBERS.keys())]
    return make_environment("sdk", lock, members)


def test_the_sdk_needs_few_packages() -> None:
    assert NEEDED - MEMBERS.keys() == {
        "googleapis-common-protos",
        "grpcio",
        "opentelemetry-api",
        "protobuf",
        "typing-extensions",
    }


def test_the_sdk_works_with_what_it_says_it_needs(python: Path) -> None:
    code = (
        "from meterline import *\n"
        "event = UsageEvent(type='a', customer='b', source='c', properties={'n': 1})\n"
        "with Client(Context(services={'ingest': '127.0.0.1:1'}, token='t')) as client, Reporter(client):\n"
        "    print(client.aio.ingest is client.aio.ingest)\n"
    )

    done = subprocess.run([python, "-c", code], env={}, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_command_says_what_to_install(python: Path) -> None:
    done = subprocess.run(
        [python.parent / "meterline", "get", "meters"], env={}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr == "error: the command line is not installed; run `pip install 'meterline[cli]'`\n"
