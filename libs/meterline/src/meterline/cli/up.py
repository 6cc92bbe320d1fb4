"""`meterline up`: the whole suite on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from meterline import suite
from meterline.suite.directory import default_data_dir


def up(
    data: Annotated[
        Path | None, typer.Option("--data", help="Where state is kept. Default: .meterline in this folder.")
    ] = None,
    ready_file: Annotated[Path | None, typer.Option("--ready-file", help="Written when all services serve.")] = None,
    otlp_endpoint: Annotated[
        str | None, typer.Option(help="host:port of an OTLP/gRPC receiver for traces and metrics.")
    ] = None,
    trace_ratio: Annotated[str | None, typer.Option(help='Share of traces to sample, "0" to "1".')] = None,
    tls: Annotated[  # noqa: FBT002 - an option of a command
        bool, typer.Option("--tls", help="Speak TLS everywhere, with certificates that it makes and renews itself.")
    ] = False,
) -> None:
    """Run the whole suite on this machine until Ctrl-C; its state stays in the data folder."""
    suite.up(data or default_data_dir(), ready_file, otlp_endpoint=otlp_endpoint, trace_ratio=trace_ratio, tls=tls)
