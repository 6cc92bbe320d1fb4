"""The documented errors are those of the code."""

from __future__ import annotations

from pathlib import Path

from meterline.cli.exits import ExitCode

ROOT = Path(__file__).parent.parent.parent


def test_every_exit_code_is_documented() -> None:
    document = (ROOT / "docs/errors.md").read_text(encoding="utf-8")

    assert [f"\n| {int(code)} | " in document for code in ExitCode] == [True] * len(ExitCode)
