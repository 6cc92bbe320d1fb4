"""Network, mount and process namespaces of their own: what is done in them leaves no trace on the machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from testkit.wait import wait_until

NODE_ADDRESS: Final = "192.168.77.1"
DNS_ADDRESS: Final = "10.96.0.10"

_FIRST_PROCESS: Final = """
set -euo pipefail
run=$1 group=$2
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p "$run/var-lib" "$run/var-lib.work"
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$run/var-lib,workdir=$run/var-lib.work" /var/lib
mount --bind "$run/resolv.conf" /etc/resolv.conf
# The kubelet sets these for the whole machine. It finds them set, so it changes nothing.
for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1; do
    file=$run/sysctl-$(basename "${setting%=*}")
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/${setting%=*}"
done
ip link set lo up
ip link add node0 type bridge
ip address add 192.168.77.1/24 dev node0
ip link set node0 up
ip route add default dev node0
echo 1 >/proc/sys/net/ipv4/ip_forward
# Under control groups of version 1, each hierarchy needs the node's group, and cpuset needs to be told its processors.
# By default the whole node would get as much processor time as any one process outside of it.
for hierarchy in /sys/fs/cgroup/*/; do
    if [ -e "$hierarchy/cgroup.procs" ]; then
        mkdir -p "$hierarchy/$group"
        for file in cpuset.cpus cpuset.mems; do
            if [ -e "$hierarchy/$file" ]; then cat "$hierarchy/$file" >"$hierarchy/$group/$file"; fi
        done
        if [ -e "$hierarchy/cpu.shares" ]; then echo 16384 >"$hierarchy/$group/cpu.shares"; fi
    fi
done
touch "$run/namespaces.ready"
while :; do sleep 3600 & wait $!; done
"""
"""Prepares the namespaces, then stays: it collects the dead, and all else in here dies with it."""


@dataclass
class Namespaces:
    """Namespaces that live as long as their first process.

    Args:
        run_dir: where all state of the node lies.
        group: name of the node's control group, found nowhere else; it ends in "-" and this process's id.
    """

    run_dir: Path
    group: str
    _holder: subprocess.Popen[bytes] | None = None
    _first_pid: int = 0
    _programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def open(self) -> None:
        """Make the namespaces."""
        _remove_groups_of_the_dead(self.group)
        (self.run_dir / "logs").mkdir(parents=True, exist_ok=True)
        search = "meterline.svc.cluster.local svc.cluster.local cluster.local"
        (self.run_dir / "resolv.conf").write_text(f"nameserver {DNS_ADDRESS}\nsearch {search}\noptions ndots:5\n")
        flags = ["--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "--propagation=private"]
        with self._log("namespaces").open("wb") as log:
            self._holder = subprocess.Popen(
                # Who is killed can't close; then all of it goes as well.
                [
                    "setpriv",
                    "--pdeathsig=KILL",
                    "unshare",
                    *flags,
                    "bash",
                    "-c",
                    _FIRST_PROCESS,
                    "bash",
                    str(self.run_dir),
                    self.group,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        ready, holder = self.run_dir / "namespaces.ready", self._holder
        wait_until(lambda: ready.exists() or holder.poll() is not None, 30, what="namespaces to be made")
        if not ready.exists():
            raise RuntimeError(f"no namespaces: {self._log('namespaces').read_text()}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text()
        self._first_pid = int(children.split()[0])

    def inside(self, command: Sequence[str | Path]) -> list[str]:
        """Return the command that runs `command` in these namespaces, in the folder of the caller."""
        return [
            "nsenter",
            f"--target={self._first_pid}",
            "--net",
            "--mount",
            "--pid",
            f"--wd={Path.cwd()}",
            *map(str, command),
        ]

    def run(self, command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in these namespaces to its end; `options` are those of subprocess.run."""
        settings = {"capture_output": True, "text": True, "check": True, **options}
        return subprocess.run(self.inside(command), **settings)  # noqa: PLW1510 - among the settings

    def start(self, name: str, command: Sequence[str | Path]) -> None:
        """Start a program that stays; its log is `logs/<name>.log`."""
        with self._log(name).open("ab") as log:
            self._programs[name] = subprocess.Popen(
                self.inside(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def start_aside(self, command: Sequence[str | Path], output: Path) -> subprocess.Popen[bytes]:
        """Start a program that `end` ends; what it prints goes to a file."""
        with output.open("wb") as file:
            return subprocess.Popen(self.inside(command), stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def end(self, program: subprocess.Popen[bytes]) -> int:
        """Tell a program to end, by SIGTERM, and return its exit code."""
        # nsenter only waits for the program, which is its one child.
        for child in Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
        return program.wait(timeout=60)

    def check(self) -> None:
        """Raise RuntimeError, with the end of its log, when a program that should stay has ended."""
        for name, program in self._programs.items():
            if program.poll() is not None:
                lines = self._log(name).read_text(errors="replace").splitlines()[-15:]
                raise RuntimeError(f"{name} ended with {program.returncode}:\n" + "\n".join(lines))

    def close(self) -> None:
        """End every process in the namespaces, and with them the namespaces; remove the node's control groups."""
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait()
            for program in self._programs.values():
                program.wait(timeout=30)
        _remove_groups(self.group)

    def _log(self, name: str) -> Path:
        return self.run_dir / "logs" / f"{name}.log"


def _remove_groups_of_the_dead(group: str) -> None:
    """Remove what runs that were killed have left: the name of a group ends in the id of the process that made it."""
    kind = group.rpartition("-")[0]
    for left in {path.name for path in Path("/sys/fs/cgroup").glob(f"*/{kind}-*")}:
        if not Path("/proc", left.rpartition("-")[2]).exists():
            _remove_groups(left)


def _remove_groups(name: str) -> None:
    for root in Path("/sys/fs/cgroup").glob(f"*/{name}"):
        for group in sorted(root.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
            _remove_group(group)
        _remove_group(root)


def _remove_group(group: Path) -> None:
    """Remove a control group, whose last processes may still be dying."""

    def is_gone() -> bool:
        with contextlib.suppress(OSError):
            group.rmdir()
        return not group.exists()

    wait_until(is_gone, 30, what=f"{group} to be empty")
