"""Files that others read while we write them: replaced whole or not at all, and secrets only ever mode 0600."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

SECRET_MODE = 0o600
"""Readable by its owner alone."""


_LAST_LINES = 3
_LINE_CHARS_MAX = 300
_TAIL_BYTES = 64 * 1024
_TELLING_KEYS = ("problem", "error", "exception", "reason")


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace `path` by `text`; a reader sees the old file or the new one, never a part."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, document: Any, *, mode: int = 0o644) -> None:
    """Replace `path` by `document` as indented JSON."""
    write_atomically(path, json.dumps(document, indent=2) + "\n", mode=mode)


def make_private_directory(path: Path) -> Path:
    """Make `path` (and its parents) if absent, closed to other users, and return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def rotate(path: Path, *, kept: int, newest: Path | None = None) -> None:
    """Move `path`, or `newest`, to `path.1`, that to `path.2` and so on, dropping what would be older than `kept`."""
    for age in range(kept - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(f"{path.name}.{age}").replace(path.with_name(f"{path.name}.{age + 1}"))
    with contextlib.suppress(FileNotFoundError):
        (newest or path).replace(path.with_name(f"{path.name}.1"))


def shorten(path: Path, *, bytes_max: int, kept: int) -> None:
    """Put a log aside that has grown beyond `bytes_max`, while its program goes on writing to it, and begin it anew."""
    if not path.exists() or path.stat().st_size <= bytes_max:
        return
    copy = path.with_name(f"{path.name}.copy")
    shutil.copyfile(path, copy)
    # The program appends, so it goes on at the new end; what it wrote since the copy was made is lost.
    os.truncate(path, 0)
    rotate(path, kept=kept, newest=copy)


def last_words(log_file: Path) -> str:
    """Return the end of a log as one line that says what went wrong, and where to read on."""
    lines = last_lines(log_file, _LAST_LINES)
    if not lines:
        return f"it left no word in {log_file}"
    words = [_condensed(line) for line in lines]
    # Our own logs say it all in one record; other programs may need a few lines.
    shown = words[-1] if lines[-1].startswith("{") else " | ".join(words)
    return f"{shown} (more in {log_file})"


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last `count` non-empty lines of a log, or none if there is no such file."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.strip()][-count:]


def _condensed(line: str) -> str:
    """Return a JSON log record as "event: detail, detail", and any other line as it is; both within reason."""
    try:
        record = json.loads(line)
    except ValueError:
        return line.strip()[:_LINE_CHARS_MAX]
    if not isinstance(record, dict):
        return line.strip()[:_LINE_CHARS_MAX]
    event = str(record.pop("event", ""))
    details = [str(value).strip().splitlines()[-1] for key, value in record.items() if key in _TELLING_KEYS and value]
    return ": ".join(part for part in (event, ", ".join(details)) if part)[:_LINE_CHARS_MAX]
