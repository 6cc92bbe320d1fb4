"""The programs of the test cluster: those built from go.sum into a cache, and those of the system."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from testkit.flights import ROOT

BUILD = ROOT / "tests" / "k8s" / "tools" / "build"
"""Builds the programs, or tells where they are."""

OF_EVERY_CLUSTER = ("kubernetes", "coredns", "kube-router")
"""The modules without which there is no cluster; the others are those of one scenario each."""

CLIENTS = ROOT / ".cache" / "kubernetes-tools"
"""Where scripts/kubernetes_tools.sh puts kubectl."""

OF_THE_SYSTEM = (
    "buildah",
    "conntrack",
    "containerd",
    "ctr",
    "ip",
    "ipset",
    "mmdebstrap",
    "nft",
    "nsenter",
    "podman",
    "runc",
    "setpriv",
    "unshare",
)
"""What the system's packages must bring; CONTRIBUTING.md names the packages."""

CNI = Path("/usr/lib/cni")
"""Where Debian keeps the plugins that wire pods."""


@dataclass(frozen=True)
class Programs:
    """Where each program lies, by its name."""

    paths: dict[str, Path]

    def __getitem__(self, name: str) -> str:
        """Return the path of a program."""
        return str(self.paths[name])


def find_programs() -> Programs:
    """Return the programs of the cache; those of single scenarios may be missing.

    Raises LookupError with the reason why no cluster can run here.
    """
    missing = reason_against()
    if missing:
        raise LookupError(missing)
    if not CLIENTS.is_dir():
        raise LookupError("kubectl is not there: run make k8s-tools")
    folders = [*(built(module) for module in OF_EVERY_CLUSTER), CLIENTS]
    for module in ("collector", "jaeger"):
        with contextlib.suppress(LookupError):
            folders.append(built(module))
    return Programs({program.name: program for folder in folders for program in sorted(folder.iterdir())})


def built(module: str) -> Path:
    """Return the folder of a module's programs. Raises LookupError, with what to do, if it was not built."""
    found = subprocess.run([BUILD, "--check", module], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise LookupError(found.stderr.strip().splitlines()[-1])
    return Path(found.stdout.strip())


def reason_against() -> str | None:
    """Say what this machine lacks to run a node of Kubernetes, or None."""
    if os.geteuid() != 0:
        return "a node needs root: namespaces, mounts and control groups"
    lacking = [name for name in OF_THE_SYSTEM if shutil.which(name) is None]
    if not CNI.is_dir():
        lacking.append(str(CNI))
    if lacking:
        return f"missing on this machine: {', '.join(lacking)}; CONTRIBUTING.md names the packages"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        return f"no namespaces here: {tried.stderr.strip()}"
    return None
