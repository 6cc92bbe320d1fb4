"""The images: built by `make images`, they hold what runs and nothing else, and run with nothing to write to.

What needs an image is skipped, with the reason, where none was built.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import build_images

ROOT = build_images.ROOT
BIN = Path(sys.executable).parent
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
BYTES_MAX = 300_000_000
ABOUT = build_images.Provenance(VERSION, "abc", "https://example.com/x", "1700000000")
# As PodSecurity `restricted` has it; runc bears more kinds of cgroups than podman's default.
LOCKED_DOWN = [
    "--runtime=runc", "--rm", "--ulimit=host", "--network=none", "--read-only", "--read-only-tmpfs=false",
    "--cap-drop=all", "--security-opt=no-new-privileges",
]  # fmt: skip

pytestmark = pytest.mark.timeout(300)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Calls podman, without limits that only a machine's owner may set."""
    if not (shutil.which("podman") and shutil.which("runc")):
        pytest.skip("no podman with runc here")
    settings = tmp_path_factory.mktemp("podman") / "containers.conf"
    settings.write_text('[containers]\ndefault_ulimits = []\n[engine]\ncgroup_manager = "cgroupfs"\n')
    environment = {"CONTAINERS_CONF": str(settings), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(Path.home())}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["podman", *arguments], env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(params=build_images.IMAGES)
def image(request: pytest.FixtureRequest, podman: Run) -> str:
    """The name of each image that was built."""
    name = f"localhost/meterline/{request.param}:{VERSION}"
    if podman("image", "exists", name).returncode != 0:
        pytest.skip(f"there is no image {name}; make images")
    revision = inspect(podman, name)["Config"]["Labels"]["org.opencontainers.image.revision"]
    if revision != build_images.provenance().revision:
        pytest.skip(f"{name} is of another commit, {revision[:8]}; make images")
    started = podman("run", *LOCKED_DOWN, "--entrypoint=/bin/true", name)
    if started.returncode != 0:
        pytest.skip(f"podman starts no container here, whatever is in it: {started.stderr.strip()[-200:]}")
    return name


def inspect(podman: Run, image: str) -> dict[str, Any]:
    """What an image says of itself."""
    document: dict[str, Any] = json.loads(podman("image", "inspect", image).stdout)[0]
    return document


def test_it_is_small_says_what_it_is_and_runs_as_nobody(podman: Run, image: str) -> None:
    about = inspect(podman, image)
    labels = {key.rpartition(".")[2]: value for key, value in about["Config"]["Labels"].items()}

    assert about["Size"] < BYTES_MAX
    assert about["Config"]["User"] == "10001:10001"
    assert (labels["version"], labels["licenses"]) == (VERSION, "Apache-2.0")
    assert {"revision", "source", "title"} <= labels.keys()


def test_it_starts_with_nothing_to_write_to_and_no_capability(podman: Run, image: str) -> None:
    done = podman("run", *LOCKED_DOWN, image, "--help")

    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_it_holds_no_tool_that_installs_and_is_compiled(podman: Run, image: str) -> None:
    code = (
        "import json, sys, glob, os, importlib.util, importlib.metadata as metadata\n"
        "files = [f for folder in sys.path for f in glob.glob(folder + '/**/*.py', recursive=True)]\n"
        "bare = [f for f in files if not os.path.exists(importlib.util.cache_from_source(f))]\n"
        "tools = [n for n in ('pip', 'setuptools', 'ensurepip', 'wheel') if importlib.util.find_spec(n)]\n"
        "names = sorted({found.name.lower() for found in metadata.distributions()})\n"
        "print(json.dumps([os.getuid(), tools, bare[:5], names]))\n"
    )
    done = podman("run", *LOCKED_DOWN, "--entrypoint=/app/bin/python", image, "-P", "-c", code)
    user, tools, bare, installed = json.loads(done.stdout or done.stderr)

    assert (user, tools, bare) == (10001, [], [])
    name = image.rsplit("/", maxsplit=1)[-1].split(":", maxsplit=1)[0]
    listed = bill_of_materials(name)["components"]
    own = {"metering-chassis", "metering-contracts", "metering-eventlog", "metering-money", "metering-" + name, name}
    own.add("metering-expressions")
    normal = {re.sub(r"[-_.]+", "-", found) for found in installed}
    assert normal - own <= {component["name"].lower() for component in listed}


@cache
def bill_of_materials(image: str) -> dict[str, Any]:
    """The bill of materials of an image; making one takes seconds."""
    document: dict[str, Any] = json.loads(build_images.bill_of_materials(image).read_text())
    return document


def test_a_service_says_in_one_line_what_it_lacks(podman: Run, image: str) -> None:
    if image.rsplit("/", maxsplit=1)[-1].startswith(build_images.COMMAND_LINE):
        pytest.skip("the command line has no settings")

    done = podman("run", *LOCKED_DOWN, image)

    assert done.returncode == 2
    assert re.fullmatch(r"\w+: missing setting .*\n", done.stderr)


def test_every_image_has_a_bill_of_materials() -> None:
    for image in build_images.IMAGES:
        document = bill_of_materials(image)
        listed = {(component["name"], component["version"]) for component in document["components"]}
        lock = (ROOT / "requirements" / f"{image}.txt").read_text()
        locked = re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", lock, re.MULTILINE)

        assert document["bomFormat"] == "CycloneDX"
        assert listed == set(locked)


def test_the_dockerfile_is_written_as_the_linter_wants() -> None:
    done = subprocess.run([BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_an_image_is_told_what_it_is_built_from() -> None:
    command = build_images.build_command(
        "docker", "ingest", "x/ingest:1", ABOUT, base="mirror/python:3", options=["-q"]
    )

    given = {command[place + 1] for place, word in enumerate(command) if word == "--build-arg"}
    assert given == {
        "SERVICE=ingest",
        "PYTHON_IMAGE=mirror/python:3",
        f"VERSION={VERSION}",
        "REVISION=abc",
        "SOURCE=https://example.com/x",
        "SOURCE_DATE_EPOCH=1700000000",
    }
    assert command[-2:] == ["-q", "."]


@pytest.mark.parametrize("builder", ["podman", "buildah"])
def test_the_same_commit_gives_the_same_times_with_every_builder(builder: str) -> None:
    command = build_images.build_command(builder, "ingest", "x/ingest:1", ABOUT)

    assert command[command.index("--timestamp") + 1] == "1700000000"


@pytest.mark.parametrize("builder", ["podman", "buildah"])
def test_the_revision_is_that_of_this_build_also_on_layers_of_another(builder: str) -> None:
    command = build_images.build_command(builder, "ingest", "x/ingest:1", ABOUT)

    labels = {command[place + 1] for place, word in enumerate(command) if word == "--label"}
    assert labels == {
        f"org.opencontainers.image.version={VERSION}",
        "org.opencontainers.image.revision=abc",
    }


@pytest.mark.parametrize(
    ("remote", "public"),
    [
        ("https://user:secret@example.com/meterline.git", "https://example.com/meterline.git"),
        ("git@example.com:meterline.git", "unknown"),
        ("/srv/meterline", "unknown"),
        ("", "unknown"),
    ],
)
def test_no_label_gives_away_a_password_or_a_path(remote: str, public: str) -> None:
    assert build_images.public_address(remote) == public
