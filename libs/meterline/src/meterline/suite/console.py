"""What `meterline up` says at the terminal: steps while it starts, a table when it runs, a line when things happen."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from meterline.suite.context import Context


class ConsoleReporter:
    """Implements `supervisor.Reporter`: lively at a terminal, plain lines into a file or pipe."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def step(self, text: str) -> None:
        """Show the step: as a spinner at a terminal, else as a line."""
        if not self._console.is_terminal:
            self._line(text)
            return
        if self._status is None:
            self._status = self._console.status(Text(text))
            self._status.start()
        self._status.update(Text(f"{text} ..."))

    def happened(self, text: str) -> None:
        """Print a line."""
        self._line(text)

    def running(self, suite: Context, postgres: str, context_file: Path) -> None:
        """Print where everything is, and what to do next."""
        self.close()
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_row("postgres", Text(postgres), f"process {suite.pids['postgres']}")
        for name, address in suite.services.items():
            table.add_row(name, Text(address), f"process {suite.pids[name]}")
        self._console.print("[bold green]Meterline is running.[/]")
        self._console.print(table)
        self._line(f"data     {suite.data_dir}")
        self._line(f"logs     {suite.data_dir}/logs")
        self._line(f"context  {context_file}")
        self._line(f"Next, in another shell: export METERLINE_CONTEXT={context_file}; meterline --help")
        self._line("Ctrl-C stops it; its data stays.")

    def close(self) -> None:
        """End the spinner, if there is one."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)
