"""Files that browsers load: built in ui/, committed beside this package, at addresses that name their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).resolve().parent.parent / "assets"
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_DIGEST_CHARS: Final = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """A file with its type and the hash of its content."""

    content: bytes
    media_type: str
    digest: str


class Assets:
    """All files of the folder, read once: a process serves what it was started with."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        """Read the files of `folder`, which may have none yet."""
        self._found: dict[str, Asset] = {}
        whole = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in _TYPES:
                content = path.read_bytes()
                digest = hashlib.sha256(content).hexdigest()[:_DIGEST_CHARS]
                whole.update(digest.encode())
                self._found[path.relative_to(folder).as_posix()] = Asset(content, _TYPES[path.suffix], digest)

        self.digest = whole.hexdigest()[:_DIGEST_CHARS]
        """Of all files: those that name others by their place beside them find them at the same address."""

    def find(self, name: str) -> Asset | None:
        """Return a file by its path in the folder."""
        return self._found.get(name)

    def url(self, name: str) -> str:
        """Return the address of a file, which changes when any of them does; one that does not exist is 404."""
        return f"/assets/{self.digest}/{name}"
