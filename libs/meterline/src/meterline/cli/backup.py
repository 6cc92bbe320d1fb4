"""`meterline backup` and `meterline restore`: the suite on this machine in one folder, and a suite made from it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from meterline.cli import front
from meterline.cli.options import ContextOption
from meterline.cli.output import say, write
from meterline.cli.running import run
from meterline.errors import InputError
from meterline.suite import context as contexts
from meterline.suite import installed
from meterline.suite.directory import default_data_dir

if TYPE_CHECKING:
    from meterline.suite.manifest import Manifest

_SECONDS_SHOWN_BELOW: Final = 120


def backup(
    target: Annotated[Path, typer.Argument(help="The folder to make; it must not be there yet.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="The suite's data folder. Default: that of the context, else .meterline here."),
    ] = None,
    context: ContextOption = None,
) -> None:
    """Back up the whole suite of this machine into a new folder, while it runs or stands still."""
    with installed():
        from meterline.suite.backup import back_up  # noqa: PLC0415 - what runs a suite may not be installed
    begun_s = time.monotonic()
    made = run(back_up(_data_dir(data, context), target.resolve(), say, suite_version=front.version()))
    write(f"{target}: {_size(made)}, as of {made.taken_at.isoformat(timespec='seconds')}, in {_since(begun_s)}")
    say(
        f"it holds keys and passwords: keep it where only you can read it, and not on this disk alone. "
        f"`meterline restore {target} --check` proves it whole, with `--into DIR` it becomes a suite"
    )


def restore(
    backup: Annotated[Path, typer.Argument(help="The folder that `meterline backup` made.", show_default=False)],
    into: Annotated[
        Path | None, typer.Option("--into", help="The data folder to make; it must not be there, or be empty.")
    ] = None,
    check: Annotated[  # noqa: FBT002 - an option of a command
        bool, typer.Option("--check", help="Only compare all files with their digests; nothing is restored.")
    ] = False,
) -> None:
    """Make a suite from a backup in a new folder, which `meterline up --data` then runs."""
    if check == (into is not None):
        raise InputError("say either --into DIR, to restore the backup, or --check, to see whether it is whole")
    with installed():
        from meterline.suite import restore as restores  # noqa: PLC0415 - what runs a suite may not be installed
    begun_s, version = time.monotonic(), front.version()
    if into is None:
        found = run(restores.check_backup(backup.resolve(), say, suite_version=version))
        write(f"{backup}: whole, {_size(found)}, as of {found.taken_at.isoformat(timespec='seconds')}")
        return
    found = run(restores.restore(backup.resolve(), into.resolve(), say, suite_version=version))
    taken_at = found.taken_at.isoformat(timespec="seconds")
    write(f"{into}: restored as of {taken_at}, {_size(found)} in {_since(begun_s)}")
    for step in _next_steps(into, taken_at):
        say(step)


def _next_steps(into: Path, taken_at: str) -> tuple[str, ...]:
    return (
        "next, in this order (docs/operations.md):",
        "1. the suite that this one replaces must not run any more",
        f"2. meterline up --data {into}",
        f"3. let producers send again all that they sent since {taken_at}: what is there already is a duplicate",
        "4. say which invoice number was given out last, even if none is lost: meterline invoice state-last --help",
        f"5. apply again what was applied to the catalog since {taken_at}, and revoke again the tokens revoked since",
    )


def _data_dir(data: Path | None, context: Path | None) -> Path:
    if data is not None:
        return data
    if context is None and not os.environ.get(contexts.ENVIRONMENT_KEY):
        return default_data_dir()
    found = contexts.load(context).data_dir
    if found is None:
        raise InputError("the context names no suite of this machine; name its data folder with --data")
    return found


def _size(manifest: Manifest) -> str:
    bytes_all = sum(entry.bytes for entry in manifest.files.values())
    rows = sum(sum(state.fact_rows.values()) for state in manifest.services.values())
    return f"{rows:,} rows of facts, {bytes_all / 1e6:,.1f} MB"


def _since(begun_s: float) -> str:
    seconds = time.monotonic() - begun_s
    return f"{seconds:.1f} s" if seconds < _SECONDS_SHOWN_BELOW else f"{seconds / 60:.1f} minutes"
