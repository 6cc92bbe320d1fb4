"""What every command shares: options, running against the services, and errors in one clear line with an exit code."""

from __future__ import annotations

import asyncio
import sys
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar

import typer
from rich.console import Console

from chassis.errors import (
    Conflict,
    DeadlineExceeded,
    Forbidden,
    Internal,
    MeterlineError,
    NotReady,
    Overloaded,
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

T = TypeVar("T")

_WIDTH_PIPED: Final = 240
"""Columns of output that no terminal folds: an id that is cut off can't be used."""


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _WIDTH_PIPED)


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


ContextOption = Annotated[
    Path | None,
    typer.Option(
        "--context", envvar=contexts.ENVIRONMENT_KEY, help="Ready file of `meterline up`, or one made by hand."
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


def run(command: Callable[[AsyncClient], Awaitable[T]], context: Path | None) -> T:
    """Run a command against the services of a context."""

    async def with_client() -> T:
        async with AsyncClient.from_context(context) as client:
            return await command(client)

    return asyncio.run(with_client())


def fail(message: str, code: ExitCode) -> NoReturn:
    """Print one error line and end."""
    errors.print(f"[red]error:[/red] {escape(message)}", highlight=False, soft_wrap=True)
    raise SystemExit(int(code))


def explain_error(error: MeterlineError) -> str:
    """Write an error of a service in one line: what, where, why."""
    fields = "; ".join(f"{violation.field}: {violation.message}" for violation in error.violations)
    text = f"{error.message} ({fields})" if fields and fields not in error.message else error.message
    return f"{text} [{error.reason}]"


def exit_code(error: MeterlineError) -> ExitCode:
    """Give the exit code of an error of a service."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), ExitCode.REFUSED)


def guard(command: Callable[[], Any]) -> None:
    """Run the command line; turn every failure into one line and an exit code."""
    try:
        command()
    except MeterlineError as error:
        fail(explain_error(error), exit_code(error))
    except contexts.ContextError as error:
        fail(str(error), ExitCode.USAGE)
    except SuiteError as error:
        fail(str(error), ExitCode.NOT_STARTED)
    except (InputError, TokenError) as error:
        fail(str(error), ExitCode.USAGE)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; that is not an error.
        raise SystemExit(int(ExitCode.DONE)) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + 2) from None


def escape(text: str) -> str:
    """Protect text from being read as console markup."""
    return text.replace("[", r"\[")
