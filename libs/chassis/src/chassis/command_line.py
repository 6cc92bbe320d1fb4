"""The command line of a service, `python -m <service> serve|migrate`: its `__main__` passes its parts to `main`."""

from __future__ import annotations

import os
import sys
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

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from pydantic_settings import BaseSettings

SettingsType = TypeVar("SettingsType", bound=ServiceSettings)
Result = TypeVar("Result")
_EXIT_CODE_FAILED: Final = 1
_THREAD_TURN_S: Final = 0.001
"""How long a thread that computes, on a large request say, keeps the event loop waiting; Python's default is 5 ms."""
_log = get_logger(__name__)


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
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> NoReturn:
    """Run the command and exit: 0 = done, 1 = failed (see the log), 2 = wrong settings or usage (one line)."""
    command = list(sys.argv[1:] if arguments is None else arguments)
    environ = os.environ if environ is None else environ
    if command in (["--help"], ["-h"]):
        sys.stdout.write(_help(service, (settings_type, migrate_settings_type)))
        sys.exit(0)
    if command not in (["serve"], ["migrate"]):
        sys.stderr.write(f"usage: python -m {service} serve|migrate; --help lists the settings\n")
        sys.exit(EXIT_CODE_SETTINGS)
    try:
        if command == ["serve"]:
            settings = load_settings(settings_type, siblings=(migrate_settings_type,), environ=environ)
            run(run_service(service, settings, compose))
        else:
            configure_logs(service)
            target = load_settings(migrate_settings_type, siblings=(settings_type,), environ=environ)
            run(migrate(target.database, f"{service}.migrations", target.app_role))
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


def _help(service: str, settings_types: Sequence[type[BaseSettings]]) -> str:
    """Write what the process does and every setting it reads from the environment."""
    lines = [
        f"usage: python -m {service} serve|migrate",
        "",
        "serve    run the service until SIGTERM",
        "migrate  bring the schema of its database up to date, then exit",
        "",
        "Settings come from the environment; an unknown or missing one stops the process.",
    ]
    for kind in settings_types:
        prefix = kind.model_config.get("env_prefix", "")
        lines += ["", f"{'migrate' if issubclass(kind, MigrateSettings) else 'serve'}:"]
        for name, field in kind.model_fields.items():
            need = "required" if field.is_required() else f"default {field.default}"
            lines.append(f"  {prefix}{name.upper()} ({need}) {field.description or ''}".rstrip())
    return "\n".join(lines) + "\n"
