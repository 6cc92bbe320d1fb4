"""Certificates in files, as Kubernetes mounts them: looked at again and again, taken over only when they fit together.

Standard library and nothing else, since clients need it too. `ssl` only checks the files; gRPC speaks TLS itself.
"""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chassis.startup import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOKED_AT_EVERY_S: Final = 1.0
"""How often the files are looked at for a change, at most."""
_FILE_BYTES_MAX: Final = 1024 * 1024
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class TlsError(Exception):
    """The files can't be used as they are; the text says which and why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files; None = there is none. A certificate and its key come together.

    `certificate` holds one's own certificate with the chain up to the authority, `key` its private key, and
    `authorities` the certificates of those whose word is taken for the other side; None = those of the system.
    """

    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        """Refuse half a pair."""
        if (self.certificate is None) != (self.key is None):
            raise SettingsError("a TLS certificate and its private key come together: name both files, or neither")

    def state(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Return what changes whenever one of the files does. Raises OSError."""
        return tuple(_state(path) for path in (self.authorities, self.certificate, self.key))


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What the files held, in PEM; None where there is no file."""

    authorities: bytes | None
    certificate: bytes | None
    key: bytes | None


class TlsSource:
    """The newest usable content of `TlsFiles`. Any thread may ask; asking never fails once it is made."""

    def __init__(
        self, files: TlsFiles, *, on_change: Callable[[str | None], None] = lambda _: None, every_s: float | None = None
    ) -> None:
        """Read the files. Raises SettingsError if they can't be used.

        `on_change` is told of each later change: None = taken over, else why it was not (once for each state of the
        files).
        """
        self.files = files
        self._on_change = on_change
        self._every_s = LOOKED_AT_EVERY_S if every_s is None else every_s
        self._lock = threading.Lock()
        try:
            self._state = files.state()
            self._material = _read(files)
        except (TlsError, OSError) as error:
            raise SettingsError(f"can't use the TLS files: {error}") from error
        self._looked_at_s = time.monotonic()
        self._refused = ""

    def current(self) -> TlsMaterial:
        """Return what to use now: the same object until the files changed and fit together again."""
        now_s = time.monotonic()
        # Whoever comes while another thread looks goes on with what there is.
        if now_s - self._looked_at_s >= self._every_s and self._lock.acquire(blocking=False):
            try:
                self._looked_at_s = now_s
                self._look()
            finally:
                self._lock.release()
        return self._material

    def _look(self) -> None:
        try:
            state = self.files.state()
            if state == self._state:
                return
            material = _read(self.files)
            if self.files.state() != state:
                # Written while we read: what we hold may be of two generations.
                return
        except (TlsError, OSError) as error:
            # Half-written, or only one of a pair is new: the old ones go on until the next look finds them whole.
            if str(error) != self._refused:
                self._refused = str(error)
                self._on_change(self._refused)
            return
        self._state, self._refused = state, ""
        if material != self._material:
            self._material = material
            self._on_change(None)


def _read(files: TlsFiles) -> TlsMaterial:
    material = TlsMaterial(*(_content(path) for path in (files.authorities, files.certificate, files.key)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if files.authorities is not None and material.authorities is not None:
        _check_certificates(files.authorities, material.authorities)
    if files.certificate is not None and files.key is not None and material.certificate is not None:
        _check_certificates(files.certificate, material.certificate)
        try:
            # An empty password: a key that needs one is refused, instead of asked for at the terminal.
            context.load_cert_chain(files.certificate, files.key, password="")
        except (ssl.SSLError, ValueError) as error:
            raise TlsError(f"{files.key} is not the private key of the certificate in {files.certificate}") from error
    return material


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    with path.open("rb") as file:
        return file.read(_FILE_BYTES_MAX)


def _check_certificates(path: Path, pem: bytes) -> None:
    """Raise TlsError unless every certificate of the file is complete: gRPC takes those before the first broken one."""
    text = pem.decode("ascii", "replace")
    blocks = [part.partition(_END) for part in text.split(_BEGIN)[1:]]
    if not blocks or not all(end for _, end, _ in blocks) or text.count(_END) != len(blocks):
        raise TlsError(f"{path} holds no complete certificate in PEM")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for body, end, _ in blocks:
        try:
            context.load_verify_locations(cadata=f"{_BEGIN}{body}{end}\n")
        except (ssl.SSLError, ValueError) as error:
            raise TlsError(f"{path} holds a broken certificate") from error


def _state(path: Path | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
