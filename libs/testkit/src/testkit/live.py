"""The suite as its users run it: `meterline up` and the CLI as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from meterline.suite import host
from testkit.wait import wait_until

METERLINE: Final = Path(sys.executable).with_name("meterline")
_START_LIMIT_S: Final = 120.0
_STOP_LIMIT_S: Final = 60.0
_COMMAND_LIMIT_S: Final = 300.0


class CommandError(Exception):
    """A command did not end as expected; the message includes its output."""


class LiveSuite:
    """`meterline up` on a data directory, as a process. Use it as a context manager, or `start()` and `stop()` it."""

    def __init__(
        self, directory: Path, environment: Mapping[str, str] | None = None, options: Sequence[str] = ()
    ) -> None:
        self.directory = directory
        self.ready_file = directory / "ready.json"
        self.log_file = directory / "up.log"
        self._environment = {**os.environ, **(environment or {}), "METERLINE_CONTEXT": str(self.ready_file)}
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the suite and wait until it serves."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.ready_file.unlink(missing_ok=True)
        arguments = ["up", "--data", str(self.directory / "data"), "--ready-file", str(self.ready_file), *self._options]
        with self.log_file.open("ab") as log:
            # A session of its own, because Ctrl-C at the terminal is for whoever started us, who then stops the suite.
            self._process = subprocess.Popen(
                [str(METERLINE), *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(self._is_ready, _START_LIMIT_S, what=f"meterline up to write {self.ready_file}")
        except BaseException:
            process, self._process = self._process, None
            process.terminate()
            process.wait(_STOP_LIMIT_S)
            raise

    def stop(self) -> None:
        """Stop the suite by SIGTERM and wait for its end. Raises `CommandError` if it does not end cleanly."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise CommandError(f"meterline up did not stop within {_STOP_LIMIT_S:.0f} s\n{self._log_tail()}") from None
        if code != 0:
            raise CommandError(f"meterline up ended with {code}\n{self._log_tail()}")

    def lose(self) -> None:
        """Kill every process at once, as if the machine was lost, and wait until none is left."""
        pids = list(self.context["pids"].values())
        process, self._process = self._process, None
        if process is None:
            raise CommandError("the suite is not running")
        for pid in (process.pid, *pids):
            os.kill(pid, signal.SIGKILL)
        process.wait()
        wait_until(lambda: not any(host.is_alive(pid) for pid in pids), _STOP_LIMIT_S, what="all processes to end")

    def release(self) -> int:
        """Leave the suite running and forget it; return the id of the process to stop by SIGTERM."""
        process, self._process = self._process, None
        if process is None:
            raise CommandError("the suite is not running")
        return process.pid

    @property
    def context(self) -> dict[str, Any]:
        """The current content of the ready file, which is rewritten when a process is restarted."""
        document: dict[str, Any] = json.loads(self.ready_file.read_text(encoding="utf-8"))
        return document

    def pid(self, name: str) -> int:
        """Return the process id of a service or of `postgres`, as the ready file has it now."""
        return int(self.context["pids"][name])

    def run(
        self,
        *arguments: str | Path,
        stdin: str | None = None,
        expected: Sequence[int] = (0,),
        show_progress: bool = False,
        context: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a `meterline` command. Raises `CommandError` if its exit code is not among `expected`."""
        done = subprocess.run(
            self._argv(arguments),
            env=self._environment | ({"METERLINE_CONTEXT": str(context)} if context else {}),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=None if show_progress else subprocess.PIPE,
            text=True,
            timeout=_COMMAND_LIMIT_S,
            check=False,
        )
        if done.returncode not in expected:
            shown = " ".join(str(argument) for argument in arguments)
            raise CommandError(f"meterline {shown} ended with {done.returncode}\n{done.stdout}{done.stderr or ''}")
        return done

    def json(self, *arguments: str | Path, stdin: str | None = None, context: Path | None = None) -> Any:
        """Run a command with `-o json` and return what it prints."""
        return json.loads(self.run(*arguments, "-o", "json", stdin=stdin, context=context).stdout)

    def begin(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command and return at once; its output is piped."""
        return subprocess.Popen(
            self._argv(arguments),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _argv(self, arguments: Sequence[str | Path]) -> list[str]:
        return [str(METERLINE), *(str(argument) for argument in arguments)]

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise CommandError(f"meterline up ended before it was ready\n{self._log_tail()}")
        return self.ready_file.exists()

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-40:])


@dataclass(frozen=True)
class Tenant:
    """A tenant of a running suite: the CLI, with a token and a context file of its own."""

    name: str
    suite: LiveSuite
    directory: Path

    @classmethod
    def create(cls, suite: LiveSuite, name: str, directory: Path) -> Self:
        """Make a token with all user scopes for the tenant, and a context file with it in `directory`."""
        scopes = [part for scope in ("report", "read", "admin") for part in ("--scope", scope)]
        token = suite.run("token", "create", "--tenant", name, *scopes).stdout.strip()
        tenant = cls(name, suite, directory)
        tenant.context.write_text(json.dumps({**suite.context, "token": token}), encoding="utf-8")
        return tenant

    @property
    def context(self) -> Path:
        """The tenant's context file."""
        return self.directory / "context.json"

    @property
    def token(self) -> str:
        """The tenant's token, with all user scopes."""
        return str(json.loads(self.context.read_text(encoding="utf-8"))["token"])

    def run(
        self, *arguments: str | Path, stdin: str | None = None, expected: Sequence[int] = (0,)
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this tenant. Raises `CommandError`."""
        return self.suite.run(*arguments, stdin=stdin, expected=expected, context=self.context)

    def json(self, *arguments: str | Path, stdin: str | None = None) -> Any:
        """Run a command as this tenant and return what it prints with `-o json`."""
        return self.suite.json(*arguments, stdin=stdin, context=self.context)

    def apply(self, catalog: str) -> dict[tuple[str, str], str]:
        """Apply a catalog given as text; return the outcome by kind and name."""
        done = self.json("apply", "-f", "-", stdin=catalog)
        return {(entry["kind"], entry["name"]): entry["outcome"] for entry in done}

    def report(self, *events: Mapping[str, Any], expected: Sequence[int] = (0,)) -> dict[str, Any]:
        """Report events, given by their proto JSON names, inside a backfill."""
        lines = "".join(json.dumps(event) + "\n" for event in events)
        done = self.run("report", "-f", "-", "--backfill", stdin=lines, expected=expected)
        result: dict[str, Any] = json.loads(done.stdout)
        return result
