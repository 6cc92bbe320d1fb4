"""What is written from the code and the contracts is what they say now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


SCRIPTS = {path.name for path in (ROOT / "scripts").glob("generate_*.py")} - {"generate_protos.py"}


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_a_generated_document_is_fresh(script: str) -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "--check"], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr
