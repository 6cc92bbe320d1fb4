"""Certificates for tests: an authority in a directory, and files of any caller or server, valid or not."""

from __future__ import annotations

import socket
import ssl
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


def shown_certificate(address: str, files: TlsFiles, server_name: str = "") -> str:
    """Return the certificate that a server shows to a new connection of ours, in PEM.

    `server_name` is whom we want to talk to, if that is not the host of the address. Raises OSError if either side does
    not take the other's certificate.
    """
    assert files.certificate is not None
    context = ssl.create_default_context(cafile=files.authorities)
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=server_name or host) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
        # In TLS 1.3 a refusal of our certificate comes with the first bytes.
        if not connection.recv(1):
            raise ConnectionResetError
    assert shown is not None
    return ssl.DER_cert_to_PEM_cert(shown)
