"""A whole Kubernetes for the scenarios, with the example of k8s/ applied to it from nothing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testkit.flights import ROOT
from testkit.k8s.images import Images
from testkit.k8s.namespaces import Namespaces
from testkit.k8s.node import Node
from testkit.k8s.programs import Programs, find_programs
from testkit.k8s.suite import ClusterSuite

POSTGRES = "docker.io/library/postgres:17.6-bookworm"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the scenarios out unless they are asked for: they need root, minutes, and programs built before."""
    if os.environ.get("METERLINE_TEST_K8S") == "1":
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
def node(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A ready node. Its logs stay when METERLINE_K8S_KEEP names a folder for them."""
    run_dir = tmp_path_factory.mktemp("node")
    node = Node(programs, Namespaces(run_dir, f"meterline-{os.getpid()}"))
    try:
        node.start()
        yield node
    finally:
        node.close()
        kept = os.environ.get("METERLINE_K8S_KEEP")
        if kept:
            shutil.copytree(run_dir / "logs", Path(kept), dirs_exist_ok=True)
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


@dataclass(frozen=True)
class Example:
    """The example of k8s/overlays, applied and billed; how long each took from the command on."""

    suite: ClusterSuite
    context: Path
    ready_after_s: float
    billed_after_s: float


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
