"""What we ask of the machine: a free port, which processes work in a directory, whether a user can reach a path."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import stat
from pathlib import Path

LOOPBACK = "127.0.0.1"
_PROC = Path("/proc")
_PORT_MIN = 15_000
_PORT_TRIES_MAX = 200


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """Return a loopback port that nobody listens on and that is not in `taken`.

    It lies below the range from which the kernel takes the ports of outgoing connections, so that none of those can
    sit on it while the service it belongs to is being restarted.
    """
    port_max = _ephemeral_port_min() - 1
    for _ in range(_PORT_TRIES_MAX):
        port = _PORT_MIN + secrets.randbelow(port_max - _PORT_MIN) if port_max > _PORT_MIN else 0
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            found = int(probe.getsockname()[1])
            if found not in taken:
                return found
    raise OSError(f"no free port on {LOOPBACK} after {_PORT_TRIES_MAX} tries")


def _ephemeral_port_min() -> int:
    setting = _PROC / "sys/net/ipv4/ip_local_port_range"
    return int(setting.read_text().split()[0]) if setting.exists() else 32_768


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists (and is not merely waiting to be reaped)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # "pid (name) STATE ...": the name may hold anything, so count from its closing bracket.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return not _PROC.exists()


def processes_in(directory: Path) -> list[int]:
    """Return the ids of the processes whose working directory is `directory`, as all of a Postgres cluster's are.

    In a container even root may not look at the working directory of another user's process; there only the server is
    found, by its command line, and not those it has forked.
    """
    if not _PROC.exists() or not directory.exists():
        return []
    return sorted(int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit() and _works_in(entry, directory))


def _works_in(process: Path, directory: Path) -> bool:
    # Processes come and go while we look.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        try:
            return (process / "cwd").samefile(directory)
        except PermissionError:
            return str(directory).encode() in (process / "cmdline").read_bytes().split(b"\0")
    return False


def unreachable_part(path: Path, user_id: int, group_id: int) -> Path | None:
    """Return the first directory on the way to `path` that the user can't pass through, or None if there is none."""
    resolved = path.resolve()
    for directory in reversed([*resolved.parents, *([resolved] if resolved.is_dir() else [])]):
        status = directory.stat()
        if status.st_uid == user_id:
            passable = status.st_mode & stat.S_IXUSR
        elif status.st_gid == group_id:
            passable = status.st_mode & stat.S_IXGRP
        else:
            passable = status.st_mode & stat.S_IXOTH
        if not passable:
            return directory
    return None


def own_capabilities() -> int:
    """Return the capabilities this process may pass on, as a bit mask; 0 where there are none to speak of."""
    status = _PROC / "self/status"
    if not status.exists():
        return 0
    for line in status.read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
