"""The documented errors are those of the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from meterline.cli.running import ExitCode

ROOT = Path(__file__).parent.parent.parent


def test_the_list_of_reasons_is_fresh() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts/generate_errors_doc.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


def test_every_exit_code_is_documented() -> None:
    document = (ROOT / "docs/errors.md").read_text(encoding="utf-8")

    assert [f"\n| {int(code)} | " in document for code in ExitCode] == [True] * len(ExitCode)
