"""What `meterline up` says is text: a folder whose name looks like a picture or a color is shown as it is called."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from meterline.suite.console import ConsoleReporter


@pytest.mark.parametrize("is_terminal", [False, True])
@pytest.mark.parametrize("text", ["data a:100:b", "data [red]x[/red]"])
def test_a_line_is_shown_as_it_is(text: str, is_terminal: bool) -> None:
    file = io.StringIO()
    reporter = ConsoleReporter(Console(file=file, force_terminal=is_terminal, color_system=None))

    reporter.step(text)
    reporter.happened(text)
    reporter.close()

    assert file.getvalue().count(text) >= 2
