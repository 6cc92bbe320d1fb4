"""What all generators share: write a file that is made from something else, or check that it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path


def write_or_check(target: Path, text: str, source: str) -> int:
    """Write `text`, or with --check compare it with what `target` holds; `source` names what it is made from."""
    if "--check" not in sys.argv[1:]:
        target.write_text(text, encoding="utf-8")
        return 0
    if target.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{target.name} does not match {source}; run `make docs` and commit it\n")
    return 1
