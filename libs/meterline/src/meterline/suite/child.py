"""One child process: started with its log, tied to our life, stopped by an escalation of signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meterline.suite import files
from meterline.suite.postgres_user import Account

LOGS_KEPT = 10
"""How many former logs of a child are kept as `<name>.log.1` and so on."""

_CHILD_MAIN = Path(__file__).with_name("child_main.py")


@dataclass(frozen=True, slots=True)
class Step:
    """Part of a stop: send the signal, then wait up to `limit_s` seconds for the end."""

    signal: signal.Signals
    limit_s: float


@dataclass(frozen=True, slots=True)
class Launch:
    """How a child is started.

    `death_signal` is what the kernel sends it should we die without a word. `account` is the user it runs as; None
    means our own. `stop_steps` end it; a last SIGKILL of its whole process group follows when they did not.
    """

    argv: Sequence[str]
    log_file: Path
    stop_steps: Sequence[Step]
    death_signal: signal.Signals
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None


class Child:
    """A running child process. Make one with `spawn`."""

    def __init__(self, process: asyncio.subprocess.Process, launch: Launch) -> None:
        self._process = process
        self._launch = launch

    @classmethod
    async def spawn(cls, launch: Launch) -> Child:
        """Start the program; its output goes to a new log, the former ones are kept.

        Call it from the main thread: the kernel ties the child's life to the thread that made it.
        """
        files.rotate(launch.log_file, kept=LOGS_KEPT)
        account = launch.account
        order = {
            "argv": list(launch.argv),
            "parent_pid": os.getpid(),
            "death_signal": int(launch.death_signal),
            "user_id": account.user_id if account else None,
            "group_id": account.group_id if account else None,
            "capability": account.capability if account else None,
        }
        with launch.log_file.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(_CHILD_MAIN),
                json.dumps(order),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(launch.environment),
                cwd="/",
            )
        return cls(process, launch)

    @property
    def pid(self) -> int:
        """The process id; the program keeps the one it was started under."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for the end and return the exit code, negative for a signal."""
        return await self._process.wait()

    async def wait_limited(self, limit_s: float) -> bool:
        """Wait for the end, up to `limit_s` seconds; return whether it came."""
        try:
            await asyncio.wait_for(self._process.wait(), limit_s)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> int:
        """End the process by the steps of its launch and return the exit code."""
        for step in self._launch.stop_steps:
            if self.exit_code is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(step.signal)
            await self.wait_limited(step.limit_s)
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return await self.wait()


async def run_to_end(launch: Launch, limit_s: float | None = None) -> int:
    """Run a program to its end, or up to `limit_s` seconds, and return its exit code, negative for a signal."""
    child = await Child.spawn(launch)
    try:
        if limit_s is None:
            await child.wait()
        else:
            await child.wait_limited(limit_s)
    finally:
        exit_code = await child.stop()
    return exit_code


def python_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with `extra` on top, fit for a Python child that writes its log without delay."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", **extra}


def describe_exit(exit_code: int) -> str:
    """Return an exit code in words: "code 2", or "SIGKILL" for a negative one."""
    if exit_code >= 0:
        return f"code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"
