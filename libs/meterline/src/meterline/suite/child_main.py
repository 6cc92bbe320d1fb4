"""Runs in a new child process, before the program it becomes: ties it to its parent, drops root, then executes.

It is started by path with `python -I -S` and one JSON argument (see `child.Launch`), so it uses the standard library
only. A separate program rather than a hook between fork and exec, which is unsafe in a process with threads.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_GET_SECUREBITS = 27
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522
_EXIT_CODE_ORPHAN = 125


def main() -> None:
    """Become the program named in the JSON argument."""
    launch = json.loads(sys.argv[1])
    # Its own session: a Ctrl-C at the terminal reaches only the supervisor, which stops its children in order.
    os.setsid()
    if launch["user_id"] is not None:
        _become(launch["user_id"], launch["group_id"], launch["capability"])
    # After the change of user, which clears it.
    _die_with_parent(launch["parent_pid"], launch["death_signal"])
    os.umask(0o077)
    os.execve(launch["argv"][0], launch["argv"], os.environ)  # noqa: S606 - this is what the program is for


def _die_with_parent(parent_pid: int, death_signal: int) -> None:
    if sys.platform != "linux":
        return
    _prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent_pid:
        # The parent died before the line above: nobody would ever stop us.
        sys.exit(_EXIT_CODE_ORPHAN)


def _become(user_id: int, group_id: int, capability: int | None) -> None:
    if capability is not None:
        # Keeps capabilities over setuid, and lets access(2), which Postgres calls on its binaries, honour them.
        _prctl(_PR_SET_SECUREBITS, _prctl(_PR_GET_SECUREBITS) | _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(group_id, group_id, group_id)
    os.setresuid(user_id, user_id, user_id)
    if capability is not None:
        _keep_only(capability)


def _keep_only(capability: int) -> None:
    """Reduce this process to one capability, and let it survive the coming exec (ambient)."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    # Two records of (effective, permitted, inheritable): the low and the high 32 bits.
    data = (ctypes.c_uint32 * 6)(*[bit & 0xFFFFFFFF] * 3, *[bit >> 32] * 3)
    libc = _libc()
    if libc.capset(ctypes.byref(header), ctypes.byref(data)) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _prctl(option: int, *arguments: int) -> int:
    padded = [*arguments, 0, 0, 0, 0][:4]
    result = int(_libc().prctl(option, *(ctypes.c_ulong(value) for value in padded)))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} failed")
    return result


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    main()
