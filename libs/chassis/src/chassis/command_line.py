"""The command line of a service, `python -m <service> serve|migrate`: its `__main__` passes its parts to `main`.

A service may have more commands, each of which does one thing and exits.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import uvloop

from chassis.errors import MeterlineError
from chassis.logs import configure_logs, get_logger
from chassis.migrations import MigrationError, migrate
from chassis.postgres import DurabilityError
from chassis.rpc.method import PolicyError
from chassis.service import Composition, Runtime, run_service
from chassis.settings import EXIT_CODE_SETTINGS, MigrateSettings, ServiceSettings, load_settings
from chassis.startup import SettingsError
from chassis.tls.plaintext import check_migration_plaintext, check_plaintext

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from pydantic_settings import BaseSettings

SettingsType = TypeVar("SettingsType", bound=ServiceSettings)
Result = TypeVar("Result")
_EXIT_CODE_FAILED: Final = 1
_REASON: Final = "--reason"
_THREAD_TURN_S: Final = 0.001
"""How long a thread that computes, on a large request say, keeps the event loop waiting; Python's default is 5 ms."""
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Command:
    """Something that a service does once when an operator asks for it: `python -m <service> NAME`.

    `run` gets the settings of `settings_type` (those of `serve` or of `migrate`) and the reason that the operator gave,
    and returns what to tell: what was done, and what to do next. It is empty unless `needs_reason`.
    """

    name: str
    summary: str
    settings_type: type[ServiceSettings | MigrateSettings]
    run: Callable[[Any, str], Awaitable[str]]
    needs_reason: bool = False

    @property
    def usage(self) -> str:
        """The command as it is typed."""
        return f"{self.name} {_REASON} TEXT" if self.needs_reason else self.name


def run(main_coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on uvloop, which is what every service runs on."""
    sys.setswitchinterval(_THREAD_TURN_S)
    return uvloop.run(main_coroutine)


def main(
    service: str,
    settings_type: type[SettingsType],
    migrate_settings_type: type[MigrateSettings],
    compose: Callable[[Runtime[SettingsType]], Awaitable[Composition]],
    *,
    commands: Sequence[Command] = (),
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> NoReturn:
    """Run the command and exit: 0 = done, 1 = failed (see the log), 2 = wrong settings or usage (one line)."""
    environ = os.environ if environ is None else environ
    kinds = (settings_type, migrate_settings_type)
    parser = _parser(service, commands)
    asked = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    if asked.help:
        sys.stdout.write(_help(service, kinds, commands))
        sys.exit(0)
    if asked.command is None:
        parser.error("say what to do")
    try:
        if asked.command == "serve":
            settings = load_settings(settings_type, siblings=(migrate_settings_type,), environ=environ)
            run(run_service(service, settings, compose))
        elif asked.command == "migrate":
            configure_logs(service)
            target = load_settings(migrate_settings_type, siblings=(settings_type,), environ=environ)
            check_migration_plaintext(target)
            run(migrate(target.database, f"{service}.migrations", target.app_role))
        else:
            command = next(command for command in commands if command.name == asked.command)
            configure_logs(service)
            sys.stdout.write(f"{run(_once(command, asked.reason, kinds, environ))}\n")
    except (SettingsError, PolicyError) as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(EXIT_CODE_SETTINGS)
    except (DurabilityError, MigrationError, MeterlineError) as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(_EXIT_CODE_FAILED)
    except Exception:  # noqa: BLE001 - the last resort of the process: whatever it was, log it and exit accordingly
        _log.exception("the process failed")
        sys.exit(_EXIT_CODE_FAILED)
    sys.exit(0)


def _parser(service: str, commands: Sequence[Command]) -> argparse.ArgumentParser:
    """Return what reads the command line; on wrong usage it says what is right and exits with 2."""
    usage = f"{_usage(service, commands)}; --help lists the settings"
    parser = argparse.ArgumentParser(prog=f"python -m {service}", usage=usage, add_help=False, allow_abbrev=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.set_defaults(reason="")
    names = parser.add_subparsers(dest="command")
    for name in ("serve", "migrate"):
        names.add_parser(name, prog=parser.prog, usage=usage, add_help=False)
    for command in commands:
        own = names.add_parser(command.name, prog=parser.prog, usage=usage, add_help=False, allow_abbrev=False)
        if command.needs_reason:
            own.add_argument(_REASON, required=True, type=_not_empty)
    return parser


def _not_empty(reason: str) -> str:
    if not reason.strip():
        raise argparse.ArgumentTypeError("say why, for those who read it later")
    return reason.strip()


def _usage(service: str, commands: Sequence[Command]) -> str:
    return f"python -m {service} " + "|".join(("serve", "migrate", *(command.usage for command in commands)))


async def _once(command: Command, reason: str, kinds: Sequence[type[Any]], environ: Mapping[str, str]) -> str:
    """Run a further command and return what it tells."""
    siblings = tuple(kind for kind in kinds if kind is not command.settings_type)
    settings = load_settings(command.settings_type, siblings=siblings, environ=environ)
    if isinstance(settings, ServiceSettings):
        check_plaintext(settings)
    else:
        check_migration_plaintext(settings)
    return await command.run(settings, reason)


def _help(service: str, settings_types: Sequence[type[BaseSettings]], commands: Sequence[Command]) -> str:
    """Write what the process does and every setting it reads from the environment."""
    told = {
        "serve": "run the service until SIGTERM",
        "migrate": "bring the schema of its database up to date, then exit",
        **{command.usage: command.summary for command in commands},
    }
    width = max(map(len, told))
    lines = [
        f"usage: {_usage(service, commands)}",
        "",
        *(f"{name:<{width}}  {what}" for name, what in told.items()),
        "",
        "Settings come from the environment; an unknown or missing one stops the process.",
    ]
    for kind in settings_types:
        prefix = kind.model_config.get("env_prefix", "")
        readers = ["migrate" if issubclass(kind, MigrateSettings) else "serve"]
        readers += [command.name for command in commands if command.settings_type is kind]
        lines += ["", f"{', '.join(readers)}:"]
        for name, field in kind.model_fields.items():
            need = "required" if field.is_required() else f"default {field.default}"
            lines.append(f"  {prefix}{name.upper()} ({need}) {field.description or ''}".rstrip())
    return "\n".join(lines) + "\n"
