"""Catalog files: YAML with many documents, each read as the request that applies it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from meterline.catalog.kinds import KINDS, Kind
from meterline.catalog.messages import SpecReader
from meterline.errors import InputError, InputErrors
from meterline.yaml_text import StrictLoader, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_KEYS: Final = {"kind", "metadata", "spec"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One document: what it is of, its name, the request that applies it, and where its fields were written."""

    kind: Kind
    name: str
    request: Any
    places: SpecReader

    def place(self, field: str) -> str:
        """Say for people where a field of the request was written: file, line, document and path."""
        origin, path = self.places.place(field, self.kind.spec)
        return f"{origin}: {'metadata.name' if field == 'name' else path}"

    @property
    def origin(self) -> str:
        """Say for people where it stands: file, line and document."""
        return self.places.place("spec", self.kind.spec)[0]


def load_catalog(files: Iterable[Path]) -> list[Entry]:
    """Read files; what is referred to comes first. Raises InputErrors for all that can be known to be wrong here."""
    entries: dict[tuple[str, str], Entry] = {}
    mistakes: list[str] = []
    for entry in (entry for file in files for entry in _load(file, mistakes)):
        first = entries.setdefault((entry.kind.name, entry.name), entry)
        if first is not entry:
            mistakes.append(f"{entry.origin}: given twice; the first is in {first.origin}")
    if mistakes:
        raise InputErrors(mistakes)
    order = list(KINDS)
    return sorted(entries.values(), key=lambda entry: order.index(entry.kind.name))


def _load(file: Path, mistakes: list[str]) -> Iterator[Entry]:
    """Read the documents of a file; what is wrong with the others, or with the file, goes to `mistakes`."""
    try:
        yield from _documents(file, mistakes)
    except InputError as error:
        mistakes.append(str(error))


def _documents(file: Path, mistakes: list[str]) -> Iterator[Entry]:
    name = "standard input" if str(file) == "-" else str(file)
    try:
        loader = StrictLoader(_text(file, name))
        while loader.check_data():  # type: ignore[no-untyped-call]
            document = loader.get_data()
            try:
                if document is not None:
                    yield _entry(document, name)
            except InputErrors as errors:
                mistakes.extend(errors.texts)
            except InputError as error:
                mistakes.append(str(error))
    except OSError as error:
        raise InputError(f"{name} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name} isn't UTF-8: byte {error.start + 1} is 0x{error.object[error.start]:02x}") from None
    except RecursionError:
        raise InputError(f"{name} isn't a catalog: nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{name} isn't valid YAML: {' '.join(str(error).split())}") from None


def _text(file: Path, name: str) -> str:
    if str(file) == "-":
        return read_text(sys.stdin.buffer, name)
    with file.open("rb") as stream:
        return read_text(stream, name)


def _entry(document: Any, file: str) -> Entry:
    if not isinstance(document, dict):
        raise InputError(f"{file}: each document must have the keys kind, metadata and spec")
    lines: dict[str, int] = getattr(document, "lines", {})
    if not {"kind", "spec"} <= document.keys() <= _KEYS:
        where = f"{file}, line {next(iter(lines.values()), 1)}"
        raise InputError(f"{where}: the document must have the keys kind, metadata and spec, and no others")
    kind = KINDS.get(document["kind"]) if isinstance(document["kind"], str) else None
    if kind is None:
        known = ", ".join(KINDS)
        raise InputError(f"{file}, line {lines['kind']}: kind {document['kind']!r} isn't known; write one of {known}")
    name = _name(kind, document, f"{file}, line {lines.get('metadata', lines['kind'])}")
    reader = SpecReader(file, f"{kind.name} {name}")
    request = kind.request()
    reader.read(kind.spec, request.spec, document["spec"], lines["spec"])  # type: ignore[attr-defined]  # all requests have one
    if kind.is_named:
        request.name = name  # type: ignore[attr-defined]
    return Entry(kind, name, request, reader)


def _name(kind: Kind, document: dict[str, Any], where: str) -> str:
    if not kind.is_named and "metadata" not in document:
        return "default"
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) and metadata.keys() == {"name"} else None
    if not isinstance(name, str) or not name:
        raise InputError(f"{where}: metadata must be {{name: …}}, a text")
    return name
