"""Certificates for tests: an authority in a directory, and files of any caller or server, valid or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chassis.tls.files import TlsFiles
from meterline.suite import files
from meterline.suite.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

_SERVED_AT = ("localhost", "127.0.0.1")
_DAY = timedelta(days=1)


@dataclass
class CertificateFiles:
    """An authority and what it signs, as files of one directory."""

    directory: Path
    authority: Authority = field(default_factory=Authority.generate)

    @property
    def authorities(self) -> Path:
        """The file of whom all believe."""
        return self.directory / "ca.pem"

    def believe(self, *authorities: Authority) -> None:
        """Write the file of authorities: these, or the directory's own."""
        text = "".join(one.pem for one in authorities or (self.authority,))
        files.write_atomically(self.authorities, text)

    def write(self, owner: str, *names: str, authority: Authority | None = None, is_expired: bool = False) -> TlsFiles:
        """Write a new certificate and key of `owner` for loopback and `names`, and return the paths."""
        if not self.authorities.exists():
            self.believe()
        begins_at = datetime.now(UTC) - 2 * _DAY if is_expired else None
        pair = (authority or self.authority).issue([*_SERVED_AT, *names], valid_for=_DAY, begins_at=begins_at)
        found = self.files(owner)
        for path, text in zip((found.certificate, found.key), pair, strict=True):
            assert path is not None
            files.write_atomically(path, text, mode=files.SECRET_MODE)
        return found

    def files(self, owner: str) -> TlsFiles:
        """Return the paths of `owner`."""
        return TlsFiles(self.authorities, self.directory / f"{owner}.pem", self.directory / f"{owner}.key")
