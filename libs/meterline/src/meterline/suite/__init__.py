"""The whole suite on one machine: embedded Postgres, the four services as processes, and their supervisor."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from meterline.suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rich.console import Console

__all__ = ["SuiteError", "installed", "up"]


def up(
    data_dir: Path,
    ready_file: Path | None = None,
    *,
    otlp_endpoint: str | None = None,
    trace_ratio: str | None = None,
    service_settings: Mapping[str, str] | None = None,
    tls: bool = False,
    console: Console | None = None,
) -> None:
    """Run the suite until SIGINT or SIGTERM, then stop all of it and return.

    Args:
        data_dir: where its state lies; made if absent, taken up again if not.
        ready_file: where to write the context once all serve, besides `context.json` in `data_dir`.
        otlp_endpoint: host:port of an OTLP/gRPC receiver for the services' traces and metrics.
        trace_ratio: share of traces to sample, "0" to "1".
        service_settings: settings for every service, by name, such as {"log_level": "debug"}.
        tls: whether the services speak mutual TLS, by certificates that are made in `data_dir` and renewed.
        console: where to say what happens; standard output by default.

    Raises:
        SuiteError: it can't start; the text says why, and nothing is left running.
    """
    with installed():
        # Here, not above: to find a running suite takes none of what it takes to run one.
        import asyncio  # noqa: PLC0415

        from rich.console import Console  # noqa: PLC0415

        from meterline.suite.console import ConsoleReporter  # noqa: PLC0415
        from meterline.suite.supervisor import Options, run_until_signalled  # noqa: PLC0415
    options = Options(
        data_dir=data_dir,
        ready_file=ready_file,
        otlp_endpoint=otlp_endpoint,
        trace_ratio=trace_ratio,
        service_settings=service_settings or {},
        tls=tls,
    )
    reporter = ConsoleReporter(console or Console())
    try:
        asyncio.run(run_until_signalled(options, reporter))
    finally:
        reporter.close()


@contextmanager
def installed() -> Iterator[None]:
    """Import what runs a suite; raises SuiteError that says how to install what is absent."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SuiteError(
            f"{error.name} is not installed; install the suite with `pip install 'meterline[suite]'`"
        ) from None
