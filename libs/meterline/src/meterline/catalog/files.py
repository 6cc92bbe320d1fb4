"""Catalog files: YAML with many documents, each read as the request that applies it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from meterline.catalog.add_ons import fill_add_ons
from meterline.catalog.kinds import KINDS, Kind
from meterline.catalog.messages import SpecReader
from meterline.errors import InputError, InputErrors
from meterline.yaml_text import DEPTH_MAX, StrictLoader, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_KEYS: Final = {"kind", "metadata", "spec"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One document: what it is of, its name, the request that applies it, and where its fields were written."""

    kind: Kind
    name: str
    request: Any
    places: SpecReader

    def place(self, path: str) -> str:
        """Say for people where a field of the request was written: file, line, document and path."""
        origin, written = self.places.place(path, self.kind.spec)
        return f"{origin}: {'metadata.name' if path == 'name' else written}"

    @property
    def origin(self) -> str:
        """Say for people where it stands: file, line and document."""
        return self.places.place("spec", self.kind.spec)[0]


@dataclass(slots=True)
class CatalogFiles:
    """What was read of catalog files: entries, what is referred to first, and all that is known to be wrong."""

    entries: list[Entry] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    refused: set[tuple[str, str]] = field(default_factory=set)
    """The kinds and names of documents that could not be read; "" for a name that could not be read itself."""
    is_whole: bool = True
    """Whether every file was read to its end, so that all names in them are known."""


def read_catalog(files: Iterable[Path]) -> CatalogFiles:
    """Read files. What is wrong with a document, or with a file, keeps nothing else from being read."""
    read = CatalogFiles()
    entries: dict[tuple[str, str], Entry] = {}
    for entry in (entry for file in files for entry in _load(file, read)):
        first = entries.setdefault((entry.kind.name, entry.name), entry)
        if first is not entry:
            read.mistakes.append(f"{entry.origin}: given twice; the first is in {first.origin}")
    read.mistakes.extend(fill_add_ons(entries.values()))
    order = list(KINDS)
    read.entries = sorted(
        entries.values(), key=lambda entry: (order.index(entry.kind.name), _customers_above(entry, entries))
    )
    return read


def _customers_above(entry: Entry, entries: Mapping[tuple[str, str], Entry]) -> int:
    """Return how many customers of the files stand above one, so that they may be applied before it."""
    above: list[str] = []
    while entry.kind.name == "Customer" and (parent := entry.request.spec.parent) not in above:
        above.append(parent)
        if ("Customer", parent) not in entries:
            break
        entry = entries["Customer", parent]
    return len(above)


def _load(file: Path, read: CatalogFiles) -> Iterator[Entry]:
    try:
        yield from _documents(file, read)
    except InputError as error:
        read.mistakes.append(str(error))
        read.is_whole = False


def _documents(file: Path, read: CatalogFiles) -> Iterator[Entry]:
    name = name_of(file)
    with telling_what_is_wrong(name):
        loader = StrictLoader(text_of(file))
        while loader.check_data():
            document = loader.get_data()
            try:
                if document is not None:
                    yield _entry(document, name)
            except InputError as error:
                read.mistakes.extend(error.texts if isinstance(error, InputErrors) else [str(error)])
                read.refused.update(_names_of(document))


def name_of(file: Path) -> str:
    """Say for people which file it is."""
    return "standard input" if str(file) == "-" else str(file)


@contextmanager
def telling_what_is_wrong(name: str) -> Iterator[None]:
    """Raise whatever keeps a YAML file from being read in the block as InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{name} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name} isn't UTF-8: byte {error.start + 1} is 0x{error.object[error.start]:02x}") from None
    except RecursionError:
        raise InputError(f"{name} isn't a catalog: nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{name} isn't valid YAML: {_problem_of(error)}") from None


def _problem_of(error: Exception) -> str:
    """Say what is wrong with a text in one line."""
    text = " ".join(str(error).replace(' in "<unicode string>",', " at").split())
    # Libyaml looks ahead where a list may be a key, and from some release on has a limit there of its own.
    deep = "exceeded maximum nesting depth"
    return (
        text.replace(deep, f"nested too deeply, in more than {DEPTH_MAX} lists and mappings") if deep in text else text
    )


def _names_of(document: Any) -> Iterator[tuple[str, str]]:
    """Return what a document that can't be read may be: its kind, or each where that is unknown, and its name or ""."""
    keys = document if isinstance(document, dict) else {}
    kind, metadata = keys.get("kind"), keys.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    for known in [kind] if isinstance(kind, str) and kind in KINDS else KINDS:
        yield known, name if isinstance(name, str) else ""


def text_of(file: Path) -> str:
    """Return what a file holds, or standard input for "-"."""
    name = name_of(file)
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
        raise InputError(f"{where}: {_wrong_keys(document)}the document must have the keys kind, metadata and spec")
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


def _wrong_keys(document: dict[Any, Any]) -> str:
    """Say which key is one too many or too few; a kind that there is once needs no metadata."""
    for key in document:
        if key not in _KEYS:
            return f"{str(key)!r} has no place here; "
    return f"{next(key for key in ('kind', 'spec') if key not in document)} is missing; "


def _name(kind: Kind, document: dict[str, Any], where: str) -> str:
    if not kind.is_named and "metadata" not in document:
        return "default"
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) and metadata.keys() == {"name"} else None
    if not isinstance(name, str) or not name:
        raise InputError(f"{where}: metadata must be {{name: …}}, a text")
    return name
