"""Make those manifests that follow from other files: alert rules, dashboards, and what the Helm chart renders.

    generate_manifests.py            write them
    generate_manifests.py --check    say which are not what they would be, exit 1 if there is any

Needs kubectl, on the PATH or as scripts/kubernetes_tools.sh puts it into .cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from meterline.suite.services import SERVICES

ROOT = Path(__file__).resolve().parent.parent
K8S = ROOT / "k8s"
MONITORING = K8S / "components" / "monitoring"
TOOLS = ROOT / ".cache" / "kubernetes-tools"
MADE = "# Made by `make manifests`; change {source} instead.\n"


def tool(name: str) -> str | None:
    """Return the path of kubectl or helm, or None if it is not installed."""
    return shutil.which(name, path=os.pathsep.join([str(TOOLS), os.environ.get("PATH", "")]))


def render(folder: Path) -> str:
    """Return what kustomize makes of a folder. Raises RuntimeError with its words if it refuses."""
    done = subprocess.run(
        [tool("kubectl") or "kubectl", "kustomize", folder], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout


def rules() -> str:
    """Return the PrometheusRule that holds every group of rules/."""
    groups = [
        group
        for file in sorted((MONITORING / "rules").glob("*.yaml"))
        for group in yaml.safe_load(file.read_text())["groups"]
    ]
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "meterline", "labels": {"app.kubernetes.io/part-of": "meterline"}},
        "spec": {"groups": groups},
    }
    return MADE.format(source="rules/") + yaml.safe_dump(document, sort_keys=False, width=120)


def dashboards() -> str:
    """Return the ConfigMap in which Grafana's sidecar finds the dashboards."""
    labels = {"app.kubernetes.io/part-of": "meterline", "grafana_dashboard": "1"}
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "meterline-dashboards", "labels": labels},
        "data": {file.name: file.read_text() for file in sorted((MONITORING / "dashboards").glob("*.json"))},
    }
    return MADE.format(source="dashboards/") + yaml.safe_dump(document, sort_keys=False, width=120)


def generated() -> Iterator[tuple[Path, str]]:
    """Yield each file and what it must hold."""
    yield MONITORING / "rules.yaml", rules()
    yield MONITORING / "dashboards.yaml", dashboards()
    for spec in SERVICES:
        yield K8S / "chart" / "rendered" / f"{spec.name}.yaml", render(K8S / spec.name)


def main() -> int:
    """Write or check all of them."""
    stale = [(file, text) for file, text in generated() if not file.exists() or file.read_text() != text]
    for file, text in stale:
        print(file.relative_to(ROOT))
        if "--check" not in sys.argv:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
