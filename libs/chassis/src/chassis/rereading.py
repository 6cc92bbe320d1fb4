"""A file of an operator that is read again while the process runs, so that a change of it needs no restart."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from chassis.startup import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chassis.clock import Clock

Content = TypeVar("Content")
REREAD_INTERVAL_S: Final = 10.0
"""Seconds between two looks at the file."""


class RereadFile(Generic[Content]):
    """What a file holds, as of ten seconds ago at most."""

    def __init__(self, path: Path, what: str, load: Callable[[Path], Content], clock: Clock) -> None:
        """Read the file immediately; it is called `what`. `load` raises SettingsError, in one line, if it can't."""
        self._path = path
        self._what = what
        self._load = load
        self._clock = clock
        self._state = _state(path, what)
        self.content = load(path)
        self._look_after_s = clock.monotonic_s() + REREAD_INTERVAL_S

    def reread(self) -> bool:
        """Look at the file again if it is time to; return whether it was read anew.

        Raises SettingsError if it can't be read, and then again at every call until it can.
        """
        now_s = self._clock.monotonic_s()
        if now_s < self._look_after_s:
            return False
        # Before it is read: if it changes in between, it is read once more than needed, and not once too few.
        state = _state(self._path, self._what)
        is_changed = state != self._state
        if is_changed:
            self.content = self._load(self._path)
            self._state = state
        self._look_after_s = now_s + REREAD_INTERVAL_S
        return is_changed


def read_text(path: Path, what: str, bytes_max: int) -> str:
    """Return what a file holds. Raises SettingsError if it can't be read or is larger: never a part of it."""
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
        if len(data) > bytes_max:
            raise SettingsError(f"the {what} {path} is larger than {bytes_max} bytes")
        return data.decode()
    except (OSError, ValueError) as error:
        raise SettingsError(f"can't read the {what} {path}: {error}") from error


def _state(path: Path, what: str) -> tuple[int, int, int]:
    try:
        stat = os.stat(path)  # noqa: PTH116 - runs within calls now and then, at half the cost of Path.stat
    except OSError as error:
        raise SettingsError(f"can't read the {what} {path}: {error}") from error
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
