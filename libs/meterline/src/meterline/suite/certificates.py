"""Certificates of a suite on one machine: an authority of its own, and short-lived ones for everybody who calls."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meterline.suite import files
from meterline.suite.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable

AUTHORITY_VALID_FOR: Final = timedelta(days=365)
AUTHORITY_RENEWED_BEFORE: Final = timedelta(days=30)
VALID_FOR: Final = timedelta(hours=24)
OPERATOR: Final = "operator"
"""Who calls by the context file."""
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


def service_name(service: str) -> str:
    """Return the name by which a service of the suite proves who it is (a SPIFFE id)."""
    return f"spiffe://meterline.local/service/{service}"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that signs others, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls, *, valid_for: timedelta = AUTHORITY_VALID_FOR) -> Authority:
        """Make a new one, valid from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        # Each has a name of its own: of two with one name, a verifier may look for a signature at the first alone.
        name = f"Meterline local authority {secrets.token_hex(4)}"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        built = (
            _builder(subject, subject, key, now - _CLOCKS_DIFFER, now + valid_for)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(built.sign(key, SHA256()), key)

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def key_pem(self) -> str:
        """The private key in PEM."""
        return _key_pem(self.key)

    def issue(
        self, names: Iterable[str], *, valid_for: timedelta = VALID_FOR, begins_at: datetime | None = None
    ) -> tuple[str, str]:
        """Return a certificate and its private key in PEM; names with a scheme become URIs, IP addresses such.

        `begins_at` is by default a little in the past, because clocks differ.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        begins = begins_at or datetime.now(UTC) - _CLOCKS_DIFFER
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Meterline")])
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        built = (
            _builder(subject, self.certificate.subject, key, begins, begins + valid_for)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(both), critical=False)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        certificate = built.sign(self.key, SHA256()).public_bytes(Encoding.PEM).decode("ascii")
        return certificate, _key_pem(key)


@dataclass(frozen=True, slots=True)
class Certificates:
    """The certificates of one data directory."""

    directory: Path

    @property
    def authorities(self) -> Path:
        """Whom all believe: the authority and, while certificates of it may live, the one before."""
        return self.directory / "ca.pem"

    def certificate(self, name: str) -> Path:
        """The certificate of a service, or of `OPERATOR`."""
        return self.directory / f"{name}.pem"

    def key(self, name: str) -> Path:
        """The private key of a certificate."""
        return self.directory / f"{name}.key"

    def renew(self, services: Iterable[str]) -> None:
        """Make new certificates for all, and a new authority when the old one ends soon. Raises SuiteError."""
        authority = self._authority()
        for service in services:
            self._write(service, *authority.issue([service_name(service), service, "localhost", "127.0.0.1"]))
        self._write(OPERATOR, *authority.issue([f"spiffe://meterline.local/{OPERATOR}"]))

    def _authority(self) -> Authority:
        files.make_private_directory(self.directory)
        key_file, certificate_file = self.directory / "ca.key", self.directory / "authority.pem"
        try:
            known = _load(certificate_file, key_file) if certificate_file.exists() and key_file.exists() else None
        except (OSError, ValueError, TypeError) as error:
            raise SuiteError(
                f"can't read the suite's own authority in {self.directory}: {error}; remove the folder for a new one"
            ) from error
        soon = datetime.now(UTC) + AUTHORITY_RENEWED_BEFORE
        if known is not None and known.certificate.not_valid_after_utc > soon:
            files.write_atomically(self.authorities, self._bundle(known), mode=0o644)
            return known
        made = Authority.generate()
        # Believed before anything is signed by it.
        files.write_atomically(self.authorities, made.pem + (known.pem if known else ""))
        if known is not None:
            files.write_atomically(self.directory / "former.pem", known.pem)
        files.write_atomically(key_file, made.key_pem, mode=files.SECRET_MODE)
        files.write_atomically(certificate_file, made.pem)
        return made

    def _bundle(self, authority: Authority) -> str:
        former = self.directory / "former.pem"
        return authority.pem + (former.read_text("ascii") if former.exists() else "")

    def _write(self, name: str, certificate: str, key: str) -> None:
        # Between the two writes they do not fit together; whoever looks then goes on with what it has.
        files.write_atomically(self.key(name), key, mode=files.SECRET_MODE)
        files.write_atomically(self.certificate(name), certificate)


def _load(certificate_file: Path, key_file: Path) -> Authority | None:
    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    key = load_pem_private_key(key_file.read_bytes(), password=None)
    # A kill between the two writes leaves a key without its certificate: a new authority is made then.
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return Authority(certificate, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
