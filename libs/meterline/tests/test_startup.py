"""What loads when the command or the SDK starts: every package more is waited for by every user."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from meterline.cli import front
from meterline.cli.app import app
from meterline.cli.exits import ExitCode
from meterline.suite.context import ENVIRONMENT_KEY

SUITE = {"chassis", "meterline"}
# What grpc tries to load beside itself, if it is there.
GRPC = {"cython_runtime", "grpc", "grpc_health", "grpc_reflection", "grpc_status", "grpc_tools", "typing_extensions"}
CLIENT = SUITE | GRPC | {"buf", "eventlog", "google", "metering", "money", "opentelemetry"}


def loaded_by(code: str) -> set[str]:
    """The top-level modules, without the standard library, that a fresh Python has loaded at the end of `code`."""
    script = (
        "import sys, site\n"
        "before = set(sys.modules)\n"
        f"try:\n    {code}\n"
        "except SystemExit:\n    pass\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "import json\n"
        "print('\\n' + json.dumps(sorted(name for name in new if not name.startswith('_'))))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("argument", ["--help", "version"])
def test_the_command_starts_with_few_packages(argument: str) -> None:
    code = f"import meterline.cli; sys.argv = ['meterline', {argument!r}]; meterline.cli.main()"

    assert loaded_by(code) == {"meterline"}


@pytest.mark.parametrize("columns", ["60", "200"])
def test_the_help_is_the_same_where_the_rest_is_loaded(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)

    shown = CliRunner().invoke(app, ["--help"])

    assert shown.output == f"{front.answer(['--help'])}\n"


def test_the_help_names_the_options_and_the_exit_codes_that_there_are() -> None:
    group: Any = typer.main.get_command(app)
    [context, reason, _] = group.get_params(typer.Context(group))

    assert context.help == front.CONTEXT_HELP
    assert reason.help == front.REASON_HELP
    assert ENVIRONMENT_KEY in front.CONTEXT_HELP
    assert [int(part.split()[0]) for part in front.EXIT_CODES.split(" · ")] == list(ExitCode)


def test_importing_the_sdk_loads_nothing_but_itself() -> None:
    assert loaded_by("import meterline") == {"meterline"}


def test_a_client_loads_what_a_call_needs_and_no_part_of_a_server() -> None:
    loaded = loaded_by("from meterline import AsyncClient, AsyncReporter, Client, Reporter, UsageEvent")

    assert loaded <= CLIENT


def test_a_client_records_with_the_interface_of_opentelemetry_alone() -> None:
    code = "import meterline; meterline.AsyncClient; print('opentelemetry.sdk' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", f"import sys; {code}"], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", front.COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    group: Any = typer.main.get_command(app)

    assert front.COMMANDS[name][1] == group.commands[name].help.partition("\n\n")[0]


def test_a_name_of_the_sdk_is_what_its_module_has() -> None:
    code = "import meterline.uuid7, meterline; print(*(getattr(meterline, n).__name__ for n in meterline.__all__))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == __import__("meterline").__all__
