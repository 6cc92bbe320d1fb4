"""`meterline report`: usage events from NDJSON."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from meterline.cli.event_batches import Reported
from meterline.cli.event_checks import Way, take_events
from meterline.cli.ndjson import event_batches
from meterline.cli.options import BackfillIdOption, BackfillOption, CheckOption, ContextOption, Output, OutputOption
from meterline.cli.unbilled_notes import WAIT_S, WaitOption
from meterline.cli.unpacked import unpacked
from meterline.errors import InputError

if TYPE_CHECKING:
    from typing import BinaryIO


def report(
    file: Annotated[
        Path,
        typer.Option("-f", "--file", help="NDJSON file, which may be compressed by gzip, or - for standard input."),
    ],
    backfill: BackfillOption = False,  # noqa: FBT002 - an option
    backfill_id: BackfillIdOption = "",
    check: CheckOption = False,  # noqa: FBT002 - likewise
    wait_s: WaitOption = WAIT_S,
    context: ContextOption = None,
    output: OutputOption = Output.JSON,
) -> None:
    """Report usage events, one JSON object per line. Repeating it is safe: what was accepted counts as a duplicate."""
    reported = Reported()
    with _open(file) as packed:
        stream, is_packed = unpacked(packed, "the events" if str(file) == "-" else str(file))
        size = file.stat().st_size if packed.seekable() and str(file) != "-" and not is_packed else None
        batches = event_batches(stream, reported)
        way = Way(backfill=backfill or bool(backfill_id), backfill_id=backfill_id, check=check)
        take_events(batches, reported, context, output, way, size=size, wait_s=wait_s)


def _open(file: Path) -> AbstractContextManager[BinaryIO]:
    if str(file) == "-":
        # Not sys.stdin, and never closed: both wait for the lock that a read holds which itself waits for more input,
        # and Ctrl-C must end the program meanwhile.
        return nullcontext(open(sys.stdin.fileno(), "rb", closefd=False))
    try:
        return file.open("rb")
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}") from None
