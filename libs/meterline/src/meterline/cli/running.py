"""What every command shares: options, running against the services, and errors in one clear line with an exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress

from chassis.errors import (
    Conflict,
    DeadlineExceeded,
    Forbidden,
    Internal,
    MeterlineError,
    NotReady,
    Overloaded,
    Reason,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from meterline.client import AsyncClient
from meterline.suite import context as contexts
from meterline.suite.errors import SuiteError
from meterline.tokens import TokenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.progress import ProgressColumn

T = TypeVar("T")

TRACEBACK_KEY: Final = "METERLINE_TRACEBACK"
"""Environment variable: when it is set, a defect shows where it happened."""

_WIDTH_PIPED: Final = 240
"""Columns of output that no terminal folds: an id that is cut off can't be used."""


_SIGNAL_EXIT: Final = 128
"""A process that a signal ends has this exit code plus the signal's number, as shells have it."""


class _Console(Console):
    """A console whose reader may go away (`| head`): that ends the command, and is no error."""

    def on_broken_pipe(self) -> None:
        """Write no more, and end."""
        self.quiet = True
        _discard_output()
        raise SystemExit(int(ExitCode.DONE))


def _discard_output() -> None:
    # What is still buffered can't be written; without this Python says so once more at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return _Console(stderr=stderr, width=None if stream.isatty() else _WIDTH_PIPED)


console = _console(stderr=False)
"""Results."""
errors = _console(stderr=True)
"""Progress, hints and errors, so that results can be piped."""


class ExitCode(IntEnum):
    """Exit codes of the command; docs and `--help` list them."""

    DONE = 0
    DEFECT = 1
    USAGE = 2
    REFUSED = 3
    NOT_READY = 4
    UNREACHABLE = 5
    NOT_ALLOWED = 6
    EVENTS_REFUSED = 7
    NOT_STARTED = 8


EXIT_CODES_HELP = """Exit codes: 0 done · 1 defect in Meterline · 2 wrong usage or input file · 3 refused by a service ·
4 not ready yet, ask again · 5 service unreachable or overloaded · 6 token missing, expired or not allowed ·
7 reported, but some events were refused or in conflict · 8 the suite could not start."""


class Output(StrEnum):
    """Form in which results are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def _given_before_the_command(context: typer.Context, value: Path | None) -> Path | None:
    given: Path | None = value or context.find_root().params.get("context")
    return given


ContextOption = Annotated[
    Path | None,
    typer.Option(
        "--context",
        callback=_given_before_the_command,
        help=f"Ready file of `meterline up`. Default: the file that {contexts.ENVIRONMENT_KEY} names, else that of the "
        "suite whose data lies in .meterline here. May also stand before the command.",
        show_default=False,
    ),
]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="Form of the result.")]


class InputError(Exception):
    """A file or an argument that can't be used; the message says where and what to do."""


_EXIT_CODES: tuple[tuple[type[MeterlineError], ExitCode], ...] = (
    (NotReady, ExitCode.NOT_READY),
    (Unavailable, ExitCode.UNREACHABLE),
    (Overloaded, ExitCode.UNREACHABLE),
    (DeadlineExceeded, ExitCode.UNREACHABLE),
    (Unauthenticated, ExitCode.NOT_ALLOWED),
    (Forbidden, ExitCode.NOT_ALLOWED),
    (Internal, ExitCode.DEFECT),
    (Unimplemented, ExitCode.REFUSED),
    (Conflict, ExitCode.REFUSED),
)


class TerminatedError(Exception):
    """SIGTERM came while a command ran; what had to be closed is closed."""


def run(command: Callable[[AsyncClient], Awaitable[T]], context: Path | None) -> T:
    """Run a command against the services of a context. Ctrl-C and SIGTERM cancel it, and it can still clean up."""

    async def with_client() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
        async with AsyncClient.from_context(context) as client:
            return await command(client)

    try:
        return asyncio.run(with_client())
    except asyncio.CancelledError:
        raise TerminatedError from None


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Make a progress bar at a terminal, and nothing elsewhere."""
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def fail(message: str, code: ExitCode) -> NoReturn:
    """Print one error line and end."""
    errors.print(f"[red]error:[/red] {escape(message)}", highlight=False, soft_wrap=True)
    raise SystemExit(int(code))


def explain_error(error: MeterlineError) -> str:
    """Write an error of a service in one line: what, where, why."""
    if error.reason is Reason.CONTRACT_NOT_FOUND and error.message.endswith("in force now"):
        return f"{error.message}; name a period, such as --period 2013-01 [{error.reason}]"
    fields = "; ".join(f"{violation.field}: {violation.message}" for violation in error.violations)
    text = f"{error.message} ({fields})" if fields and fields not in error.message else error.message
    return f"{text} [{error.reason}]"


def exit_code(error: MeterlineError) -> ExitCode:
    """Give the exit code of an error of a service."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), ExitCode.REFUSED)


def guard(command: Callable[[], Any]) -> None:
    """Run the command line; turn every failure into one line and an exit code."""
    try:
        code = command()
    except MeterlineError as error:
        fail(explain_error(error), exit_code(error))
    except (InputError, TokenError, SuiteError) as error:
        is_start = isinstance(error, SuiteError) and not isinstance(error, contexts.ContextError)
        fail(str(error), ExitCode.NOT_STARTED if is_start else ExitCode.USAGE)
    except typer.TyperException as error:
        fail(_usage_text(error), ExitCode.USAGE)
    except BrokenPipeError:
        _discard_output()
        raise SystemExit(int(ExitCode.DONE)) from None
    except (KeyboardInterrupt, typer.Abort):
        _end_by_signal("interrupted", signal.SIGINT)
    except TerminatedError:
        _end_by_signal("terminated", signal.SIGTERM)
    except OSError as error:
        _discard_output()
        fail(f"can't go on: {error}", ExitCode.USAGE)
    except Exception as error:  # noqa: BLE001 - the last resort: a user sees one line, whatever happens
        _tell_defect(error)
    if code == _SIGNAL_EXIT + signal.SIGINT:
        # What typer makes of Ctrl-C.
        _end_by_signal("interrupted", signal.SIGINT)
    raise SystemExit(code if isinstance(code, int) else int(ExitCode.DONE))


def _usage_text(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    text = " ".join(error.format_message().split()).rstrip(".")
    return text if context is None else f"{text}; see `{context.command_path} --help`"


def _tell_defect(error: Exception) -> NoReturn:
    if os.environ.get(TRACEBACK_KEY):
        raise error
    what = " ".join(f"{type(error).__name__}: {error}".split())
    fail(f"a defect in Meterline: {what}; with {TRACEBACK_KEY}=1 it shows where", ExitCode.DEFECT)


def _end_by_signal(word: str, number: signal.Signals) -> NoReturn:
    errors.print(f"[red]{word}[/red]; what was acknowledged stays, and running it again is safe", highlight=False)
    raise SystemExit(_SIGNAL_EXIT + number)


def escape(text: str) -> str:
    """Protect text from being read as console markup."""
    return text.replace("[", r"\[")
