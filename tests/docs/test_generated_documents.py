"""What is written from the code and the contracts is what they say now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("script", ["generate_errors_doc.py", "generate_api_doc.py", "generate_catalog_schema.py"])
def test_a_generated_document_is_fresh(script: str) -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "--check"], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr
