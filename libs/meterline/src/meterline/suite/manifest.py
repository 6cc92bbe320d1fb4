"""What a backup says of itself: whose it is, how far each service had come, and the digest of every file."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from meterline.errors import InputError
from meterline.suite import files

FORMAT: Final = 1
"""Number of the layout of a backup; a reader refuses every other."""

MANIFEST_NAME: Final = "manifest.json"
DIGEST_NAME: Final = "manifest.sha256"
"""The manifest's own digest, in the form of `sha256sum`."""

DATABASES: Final = "databases"
"""Folder of the dumps."""

_VERSION: Final = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How far a service had come in the snapshot of its dump.

    `epoch` and `heads` (lane -> position and chain) are those of its own log, if it has one; `checkpoints` (consumer ->
    lane -> epoch, position and chain) its places in its neighbor's; `fact_rows` the rows of every table of facts.
    """

    migration: str
    epoch: str | None
    heads: Mapping[str, Mapping[str, Any]]
    checkpoints: Mapping[str, Mapping[str, Mapping[str, Any]]]
    fact_rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a backup: its size and SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of `manifest.json`. Everything that was acknowledged before `taken_at` is in the backup."""

    suite_version: str
    postgres_version: str
    taken_at: datetime
    services: Mapping[str, ServiceState]
    files: Mapping[str, FileEntry]

    def write(self, backup: Path) -> None:
        """Write it, and its digest, into the folder of the backup."""
        document = {"format": FORMAT, **asdict(self), "taken_at": self.taken_at.isoformat()}
        files.write_json(backup / MANIFEST_NAME, document, mode=files.SECRET_MODE)
        line = f"{entry_of(backup / MANIFEST_NAME).sha256}  {MANIFEST_NAME}\n"
        files.write_atomically(backup / DIGEST_NAME, line, mode=files.SECRET_MODE)


def dump_name(service: str) -> str:
    """Return the name of a service's dump in a backup."""
    return f"{DATABASES}/{service}.dump"


def entry_of(file: Path) -> FileEntry:
    """Return size and digest of a file as it is."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return FileEntry(file.stat().st_size, digest)


def entries_below(folder: Path) -> dict[str, FileEntry]:
    """Return every file below a folder by its name from there."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): entry_of(path) for path in found}


def read_manifest(backup: Path, *, suite_version: str) -> Manifest:
    """Return the manifest of a backup. Raises InputError if it is none that this version can restore."""
    file = backup / MANIFEST_NAME
    if not file.is_file():
        raise InputError(f"{backup} is no backup: there is no {MANIFEST_NAME} in it; name the folder that was made")
    if not (backup / DIGEST_NAME).is_file() or entry_of(file).sha256 not in (backup / DIGEST_NAME).read_text("utf-8"):
        raise InputError(f"{file} is not what {DIGEST_NAME} says; take another copy of the backup")
    try:
        document = json.loads(file.read_text("utf-8"))
        found = document["format"]
        if found != FORMAT:
            raise InputError(f"{backup} has format {found!r}, and this version reads {FORMAT}; use that which made it")
        manifest = _parse(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"can't read {file} ({type(error).__name__}: {error}); take another copy") from error
    if _numbers(manifest.suite_version) > _numbers(suite_version):
        raise InputError(
            f"{backup} was made by Meterline {manifest.suite_version}, and this is {suite_version}; "
            "restore it with that version or a newer one"
        )
    return manifest


def check_files(backup: Path, manifest: Manifest) -> None:
    """Raise InputError naming the files that are absent or not what the manifest says."""
    wrong = [name for name, entry in manifest.files.items() if not _is(backup / name, entry)]
    if wrong:
        raise InputError(
            f"{', '.join(wrong)} in {backup}: absent, or not what {MANIFEST_NAME} says; take another copy of the backup"
        )


def open_to_others(backup: Path, manifest: Manifest) -> list[str]:
    """Return the files of a backup that other users of this machine may read or change."""
    names = (MANIFEST_NAME, *manifest.files)
    return [name for name in names if stat.S_IMODE((backup / name).stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)]


def _is(file: Path, entry: FileEntry) -> bool:
    return not file.is_symlink() and file.is_file() and entry_of(file) == entry


def _parse(document: Mapping[str, Any]) -> Manifest:
    manifest = Manifest(
        suite_version=_version(document["suite_version"]),
        postgres_version=_version(document["postgres_version"]),
        taken_at=datetime.fromisoformat(document["taken_at"]),
        services={name: ServiceState(**state) for name, state in document["services"].items()},
        files={_inside(name): FileEntry(**entry) for name, entry in document["files"].items()},
    )
    absent = [dump_name(service) for service in manifest.services if dump_name(service) not in manifest.files]
    if absent:
        raise ValueError(f"no digest of {', '.join(absent)}")
    return manifest


def _version(text: str) -> str:
    if not _VERSION.match(text):
        raise ValueError(f"{text!r} is no version")
    return text


def _numbers(version: str) -> tuple[int, ...]:
    found = _VERSION.match(version)
    return tuple(int(number) for number in found.group().split(".")) if found else ()


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} lies outside of the backup")
    return name
