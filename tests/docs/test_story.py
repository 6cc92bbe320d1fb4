"""The story names files and spans that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROWS = [
    line.split("|") for line in (ROOT / "docs/story.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"
]
TELEMETRY = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("services/*/src/*/telemetry.py"))


def places(package: str) -> list[Path]:
    """Where a package of the suite lies."""
    return [*ROOT.glob(f"services/{package}/src/{package}"), *ROOT.glob(f"libs/{package}/src/{package}")]


def test_every_place_of_the_story_exists() -> None:
    named = 0
    for row in ROWS[2:]:
        package = ""
        for path in re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:/[a-z_]+\.py)?|[a-z_]+\.py)`", row[2]):
            first, _, rest = path.partition("/")
            # A place without its package lies in that of the one before: `ingest/rpc.py`, `wire.py`.
            package, inside = (first, rest) if places(first) else (package, path)
            (root,) = places(package)
            assert (root / inside).exists(), path
            named += 1
    assert named >= 16


def test_every_span_of_the_story_is_one_of_its_service() -> None:
    spans = {name for row in ROWS for name in re.findall(r"spans? `([a-z ]+)`", row[4])}

    assert spans == {"publish usage", "process usage", "seal usage", "rate usage", "finalize invoice", "invoice line"}
    assert all(f'"{span}"' in TELEMETRY for span in spans)
