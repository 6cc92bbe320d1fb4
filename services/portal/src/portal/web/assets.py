"""Files that browsers load: built in ui/, committed beside this package, named by their content."""

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
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in _TYPES:
                content = path.read_bytes()
                digest = hashlib.sha256(content).hexdigest()[:_DIGEST_CHARS]
                self._found[path.relative_to(folder).as_posix()] = Asset(content, _TYPES[path.suffix], digest)

    def find(self, name: str) -> Asset | None:
        """Return a file by its path in the folder."""
        return self._found.get(name)

    def url(self, name: str) -> str:
        """Return the address of a file, which changes with its content; of one that does not exist, one that is 404."""
        found = self._found.get(name)
        return f"/assets/{found.digest if found else 'absent'}/{name}"
