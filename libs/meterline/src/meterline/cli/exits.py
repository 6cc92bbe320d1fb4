"""How a command ends: every failure in one clear line and with an exit code."""

from __future__ import annotations

import os
import signal
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn

import typer

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
from meterline.cli.output import discard_output, say_alarm
from meterline.errors import InputError, InputErrors
from meterline.suite.context import ContextError
from meterline.suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TRACEBACK_KEY: Final = "METERLINE_TRACEBACK"
"""Environment variable: when it is set, a defect shows where it happened."""

_MISTAKES_SHOWN: Final = 50
_SIGNAL_EXIT: Final = 128
"""A process that a signal ends has this exit code plus the signal's number, as shells have it."""


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


_EXIT_CODES: Final[tuple[tuple[type[MeterlineError], ExitCode], ...]] = (
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


def say_error(message: str) -> None:
    """Print one error line."""
    say_alarm("error:", f" {message}")


def fail(message: str, code: ExitCode) -> NoReturn:
    """Print one error line and end."""
    say_error(message)
    raise SystemExit(int(code))


def fail_for_all(messages: Sequence[str], code: ExitCode, untold: int = 0) -> NoReturn:
    """Print an error line for each of many messages, or for the first of very many, and end.

    `untold`: how many there are besides.
    """
    for message in messages[:_MISTAKES_SHOWN]:
        say_error(message)
    left = max(len(messages) - _MISTAKES_SHOWN, 0) + untold
    if left > 0:
        say_error(f"and {left:,} more; mend these, and the next run tells those that are left")
    raise SystemExit(int(code))


def explain_error(error: MeterlineError) -> str:
    """Write an error of a service in one line: what, where, why."""
    if error.reason is Reason.CONTRACT_NOT_FOUND and error.message.endswith("in force now"):
        return f"{error.message}; name a period, such as --period 2013-01 [{error.reason}]"
    if error.reason is Reason.PERIOD_INVALID and error.message.endswith("name one of them"):
        return f"{error.message} with --contract [{error.reason}]"
    fields = "; ".join(f"{violation.field}: {violation.message}" for violation in error.violations)
    text = f"{error.message} ({fields})" if fields and fields not in error.message else error.message
    return f"{text} [{error.reason}]"


def exit_code(error: MeterlineError) -> ExitCode:
    """Return the exit code of an error of a service."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), ExitCode.REFUSED)


def guard(command: Callable[[], Any]) -> None:
    """Run the command line; turn every failure into one line and an exit code."""
    try:
        code = command()
    except MeterlineError as error:
        fail(explain_error(error), exit_code(error))
    except InputErrors as errors:
        fail_for_all(errors.texts, ExitCode.USAGE)
    except (InputError, SuiteError) as error:
        is_start = isinstance(error, SuiteError) and not isinstance(error, ContextError)
        fail(str(error), ExitCode.NOT_STARTED if is_start else ExitCode.USAGE)
    except typer.TyperException as error:
        fail(_usage_text(error), ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        _end_by_signal("interrupted", signal.SIGINT)
    except TerminatedError:
        _end_by_signal("terminated", signal.SIGTERM)
    except OSError as error:
        discard_output()
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
    say_alarm(word, "; what was acknowledged stays, and it is safe to run this again")
    raise SystemExit(_SIGNAL_EXIT + number)
