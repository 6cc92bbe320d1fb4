"""What k8s/ renders to, each folder once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import yaml

import generate_manifests

Objects = list[dict[str, Any]]


@pytest.fixture(scope="session")
def kubectl() -> str:
    """Path of kubectl, which carries kustomize."""
    return generate_manifests.tool("kubectl") or pytest.skip("no kubectl here; scripts/kubernetes_tools.sh gets it")


@pytest.fixture(scope="session")
def helm() -> str:
    """Path of helm."""
    return generate_manifests.tool("helm") or pytest.skip("no helm here; scripts/kubernetes_tools.sh gets it")


@pytest.fixture(scope="session")
def render(kubectl: str) -> Callable[[str], Objects]:
    """Renders a folder of k8s/."""

    @cache
    def rendered(folder: str) -> Objects:
        return list(yaml.safe_load_all(generate_manifests.render(generate_manifests.K8S / folder)))

    return rendered
