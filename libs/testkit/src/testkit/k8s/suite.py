"""Meterline in a cluster: applied, waited for, called under load, and asked what became of each call."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from meterline.suite.services import SERVICES
from testkit.flights import ROOT
from testkit.k8s.node import Node
from testkit.wait import wait_until

NAMESPACE: Final = "meterline"
SERVICE_NAMES: Final = tuple(spec.name for spec in SERVICES)
ROLLOUT_LIMIT_S: Final = 400
CLIENTS: Final = ("sdk", "plain")


@dataclass(frozen=True)
class Outcome:
    """One call of a load: when it began (seconds since 1970), how long it took, and what went wrong, or ""."""

    client: str
    service: str
    at: float
    took_s: float
    error: str


@dataclass
class Load:
    """Calls that run in the background, and what became of them so far."""

    files: dict[str, Path]

    def outcomes(self, service: str = "", since: float = 0.0) -> list[Outcome]:
        """Return the calls that have ended: those to a service, begun since a time."""
        return [
            outcome
            for client, file in self.files.items()
            for outcome in (Outcome(client, **json.loads(line)) for line in file.read_text().splitlines())
            if service in ("", outcome.service) and outcome.at >= since
        ]

    def wait_for_calls(self, number: int, service: str, since: float, limit_s: float = 300) -> list[Outcome]:
        """Wait until each client has made so many calls to a service since a time; return them."""

        def enough() -> bool:
            made = self.outcomes(service, since)
            return all(sum(outcome.client == client for outcome in made) >= number for client in self.files)

        wait_until(enough, limit_s, what=f"{number} calls of each client to {service}")
        return self.outcomes(service, since)


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """Return one line for each call that failed."""
    return [f"{each.client} -> {each.service} at {each.at:.1f}: {each.error}" for each in outcomes if each.error]


@dataclass
class ClusterSuite:
    """The suite as it stands in a cluster's namespace."""

    node: Node
    namespace: str = NAMESPACE
    _loads: int = field(default=0)

    def kubectl(self, *arguments: str | Path, **options: Any) -> str:
        """Run kubectl in the suite's namespace."""
        return self.node.kubectl(f"--namespace={self.namespace}", *arguments, **options)

    def wait_ready(self, *services: str, limit_s: int = ROLLOUT_LIMIT_S) -> None:
        """Wait until the replicas of the services, or of all, are those wanted, and ready."""
        for service in services or SERVICE_NAMES:
            self.kubectl("rollout", "status", f"deployment/{service}", f"--timeout={limit_s}s", limit_s=limit_s + 30)

    def wait_job(self, name: str, limit_s: int = 300) -> None:
        """Wait until a Job is complete."""
        self.kubectl("wait", "--for=condition=Complete", f"job/{name}", f"--timeout={limit_s}s", limit_s=limit_s + 30)

    def set_image(self, service: str, version: str) -> None:
        """Have a service's replicas run another release; nothing is waited for."""
        self.kubectl("set", "image", f"deployment/{service}", f"server=meterline/{service}:{version}")

    def run_migration(self, service: str, version: str) -> None:
        """Bring a service's schema to that of a release, by the Job of its base under a new name."""
        found = json.loads(self.kubectl("get", "job", f"{service}-migration-0-1-0", "--output=json"))
        template = found["spec"]["template"]
        for label in (
            "controller-uid",
            "job-name",
            "batch.kubernetes.io/controller-uid",
            "batch.kubernetes.io/job-name",
        ):
            template["metadata"]["labels"].pop(label, None)
        template["spec"]["containers"][0]["image"] = f"meterline/{service}:{version}"
        name = f"{service}-migration-{version.replace('.', '-')}"
        metadata = {"name": name, "namespace": self.namespace, "labels": found["metadata"]["labels"]}
        spec = {"backoffLimit": 10, "template": template}
        self.node.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
        self.wait_job(name)

    def pods(self, service: str, component: str = "server") -> list[dict[str, Any]]:
        """Return the pods of a service that are not about to go."""
        labels = f"app.kubernetes.io/name={service},app.kubernetes.io/component={component}"
        items = json.loads(self.kubectl("get", "pods", f"--selector={labels}", "--output=json"))["items"]
        return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]

    def start_kubectl(self, output: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a kubectl that goes on, such as a watch, until it is ended; what it prints goes to a file."""
        kubectl = [self.node.programs["kubectl"], f"--kubeconfig={self.node.kubeconfig}"]
        return self.node.namespaces.start_aside([*kubectl, f"--namespace={self.namespace}", *arguments], output)

    def secret(self, name: str, key: str) -> str:
        """Return one value of a Secret."""
        found = json.loads(self.kubectl("get", "secret", name, "--output=json"))
        return base64.b64decode(found["data"][key]).decode()

    def set_secret(self, name: str, values: Mapping[str, str]) -> None:
        """Change values of a Secret."""
        patch = json.dumps({"stringData": values})
        self.kubectl("patch", f"secret/{name}", "--type=merge", f"--patch={patch}")

    def restarts(self) -> dict[str, int]:
        """Return how often the containers of each service's pods were restarted, by the pod's name."""
        return {
            pod["metadata"]["name"]: sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
            for service in SERVICE_NAMES
            for pod in self.pods(service)
        }

    def write_context(self, path: Path) -> Path:
        """Write a context for programs on the node; it names headless Services, so that they balance by themselves."""
        context = json.loads(self.secret("meterline-context", "context.json"))
        context["services"] = {service: f"{service}-headless:8080" for service in SERVICE_NAMES}
        path.write_text(json.dumps(context))
        return path

    def meterline(self, context: Path, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line on the node."""
        command = ["env", f"METERLINE_CONTEXT={context}", str(ROOT / ".venv/bin/meterline"), *map(str, arguments)]
        done = self.node.namespaces.run(command, check=False, timeout=300)
        if check and done.returncode != 0:
            raise RuntimeError(f"meterline {' '.join(map(str, arguments))}: {done.stderr or done.stdout}")
        return done

    @contextmanager
    def load(self, context: Path, calls_per_s: float, *, most_to: str = "") -> Iterator[Load]:
        """Call every service from each client at a steady rate while the block runs.

        With `most_to`, that service is called at the rate, and each of the others once a second.
        """
        self._loads += 1
        folder = self.node.run_dir / "logs" / f"load-{self._loads}"
        folder.mkdir()
        files = {client: folder / f"{client}.jsonl" for client in CLIENTS}
        rates = [f"{name}={calls_per_s if most_to in ('', name) else 1.0}" for name in SERVICE_NAMES]
        running = {}
        for client, file in files.items():
            file.touch()
            command: list[str | Path] = [sys.executable, "-m", "testkit.k8s.load", client, context, file, *rates]
            running[client] = self.node.namespaces.start_aside(command, folder / f"{client}.log")
        load = Load(files)
        try:
            started = time.time()
            for service in SERVICE_NAMES:
                load.wait_for_calls(1, service, started, limit_s=60)
            yield load
        finally:
            codes = {client: self.node.namespaces.end(process) for client, process in running.items()}
        for client, code in codes.items():
            if code != 0:
                raise RuntimeError(f"load of {client} ended badly: {(folder / f'{client}.log').read_text()[-1000:]}")


@dataclass(frozen=True)
class Example:
    """The example of k8s/overlays, applied and billed; how long each took from the command on."""

    suite: ClusterSuite
    context: Path
    ready_after_s: float
    billed_after_s: float
