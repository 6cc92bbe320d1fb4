"""Directories that are whole or not there: made beside their place under another name, and renamed last."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from meterline.errors import InputError
from meterline.suite.errors import SuiteError

PREFIX: Final = ".meterline-unfinished-"
"""How the names of directories begin that are being made, or whose maker was killed."""

_TAKEN: Final = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
_ON_ANOTHER_DISK: Final = (errno.EBUSY, errno.EXDEV)


def must_be_free(target: Path) -> None:
    """Raise InputError unless a directory can be made at `target`: it is absent or empty, and its parent is there."""
    if not target.parent.is_dir():
        raise InputError(f"there is no folder {target.parent}; make it first, or name another place")
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise InputError(f"{target} is there already, and nothing is overwritten; name another place, or move it away")


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Yield an empty directory, closed to other users, that becomes `target` when the block ends without an error.

    After an error nothing is left. What a killed process left is removed by the next one beside it. Raises InputError
    if `target` can't be made, SuiteError if another process made it in the meantime.
    """
    must_be_free(target)
    _remove_abandoned(target.parent)
    place, lock = _make_locked(target.parent)
    try:
        yield place
        _flush(place)
        _rename(place, target)
        _flush_one(target.parent)
    except BaseException:
        # What can't be removed now, is by the next one.
        shutil.rmtree(place, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _make_locked(parent: Path) -> tuple[Path, int]:
    """Return a new directory and its lock, which the kernel drops with this process, however that ends."""
    while True:
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = _lock(place, fcntl.LOCK_EX)
        # Before it was locked, another process could take it for abandoned.
        if lock is not None and place.exists():
            return place, lock
        if lock is not None:
            os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    for place in parent.glob(f"{PREFIX}*"):
        lock = _lock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if lock is not None:
            shutil.rmtree(place, ignore_errors=True)
            os.close(lock)


def _lock(place: Path, how: int) -> int | None:
    """Return a descriptor that holds the lock of `place`; None if another process holds it, or it is gone."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _rename(place: Path, target: Path) -> None:
    try:
        # Replaces an empty directory and nothing else, in one step.
        place.rename(target)
    except OSError as error:
        if error.errno in _TAKEN:
            raise SuiteError(f"{target} was made by another process in the meantime; name another place") from error
        if error.errno in _ON_ANOTHER_DISK:
            raise InputError(f"{target} is where a disk is mounted; name a new folder below it") from error
        raise


def _flush(place: Path) -> None:
    """Bring everything below `place` to disk: a name must not outlive a power cut that its content doesn't."""
    for directory, _, names in os.walk(place):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                _flush_one(Path(directory, name))
        _flush_one(Path(directory))


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
