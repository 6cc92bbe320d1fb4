"""A whole Kubernetes for the scenarios, with the example of k8s/ applied to it from nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.flights import ROOT
from testkit.k8s.images import HUB, Images
from testkit.k8s.namespaces import Namespaces
from testkit.k8s.node import Node
from testkit.k8s.programs import Programs, find_programs
from testkit.k8s.suite import ClusterSuite, Example

POSTGRES = f"{HUB}/library/postgres:17.6-bookworm"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the scenarios out unless they are asked for: they need root, minutes, and programs built before."""
    if config.getoption("--k8s"):
        return
    folder = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(folder):
            item.add_marker(pytest.mark.skip(reason="a whole Kubernetes takes minutes: make test-k8s"))


@pytest.fixture(scope="session")
def programs() -> Programs:
    """The programs of the cluster, or the reason why there is none here."""
    try:
        return find_programs()
    except LookupError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def node(programs: Programs, tmp_path_factory: pytest.TempPathFactory, kept: Path | None) -> Iterator[Node]:
    """A ready node."""
    run_dir = tmp_path_factory.mktemp("node")
    node = Node(programs, Namespaces(run_dir, f"meterline-{os.getpid()}"))
    try:
        node.start()
        yield node
    finally:
        node.close()
        if kept:
            shutil.copytree(run_dir / "logs", kept, dirs_exist_ok=True)
        shutil.rmtree(run_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def images(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """What builds images."""
    return Images(programs, tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="session")
def loaded(node: Node, images: Images) -> Node:
    """A node that has every image of this source tree and of the example."""
    images.load(node, [images.pause(), images.postgres(POSTGRES), *images.services()])
    return node


@pytest.fixture(scope="session")
def example(loaded: Node, tmp_path_factory: pytest.TempPathFactory) -> Example:
    """Everything from nothing by one command."""
    suite = ClusterSuite(loaded)
    began_at = time.monotonic()
    loaded.kubectl("apply", "-k", ROOT / "k8s/overlays/example")
    suite.wait_ready()
    ready_after_s = time.monotonic() - began_at
    suite.wait_job("bill")
    billed_after_s = time.monotonic() - began_at
    context = suite.write_context(tmp_path_factory.mktemp("context") / "context.json")
    return Example(suite, context, ready_after_s, billed_after_s)


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """How often each service is replaced."""
    return int(request.config.getoption("--k8s-rounds"))


@pytest.fixture(scope="session")
def kept(request: pytest.FixtureRequest) -> Path | None:
    """Where logs and findings are kept, if anywhere."""
    folder: Path | None = request.config.getoption("--k8s-keep")
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def found(kept: Path | None) -> Callable[[str, Any], None]:
    """Takes down a measurement, by its name: on the screen, and in findings.jsonl among what is kept."""

    def take_down(name: str, value: Any) -> None:
        line = json.dumps({name: value})
        sys.stderr.write(f"\n{line}\n")
        if kept:
            with (kept / "findings.jsonl").open("a") as file:
                file.write(line + "\n")

    return take_down
