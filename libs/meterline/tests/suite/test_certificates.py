"""The certificates of a suite on one machine: renewed in time, and a new authority beside the old one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from chassis.tls.files import TlsFiles, TlsSource
from meterline.suite import files
from meterline.suite.certificates import AUTHORITY_RENEWED_BEFORE, Authority, Certificates, service_name
from meterline.suite.errors import SuiteError


def authorities(made: Certificates) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(made.authorities.read_bytes())


def used(made: Certificates, name: str) -> TlsFiles:
    """The files as a service uses them; raises if they do not fit together."""
    found = TlsFiles(made.authorities, made.certificate(name), made.key(name))
    TlsSource(found)
    return found


def test_everybody_gets_a_new_certificate_of_the_same_authority_each_time(tmp_path: Path) -> None:
    made = Certificates(tmp_path / "tls")
    made.renew(["ingest"])
    first, authority = made.certificate("ingest").read_text(), authorities(made)
    made.renew(["ingest"])

    certificate = x509.load_pem_x509_certificate(made.certificate("ingest").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    used(made, "ingest")
    used(made, "operator")
    assert (made.certificate("ingest").read_text() != first, authorities(made)) == (True, authority)
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [service_name("ingest")]
    certificate.verify_directly_issued_by(authority[0])


def test_an_authority_that_ends_soon_is_followed_by_a_new_one_and_believed_beside_it(tmp_path: Path) -> None:
    made = Certificates(files.make_private_directory(tmp_path / "tls"))
    made.renew(["ingest"])
    old = Authority.generate(valid_for=AUTHORITY_RENEWED_BEFORE - timedelta(days=1))
    (made.directory / "authority.pem").write_text(old.pem)
    (made.directory / "ca.key").write_text(old.key_pem)
    issued_before = x509.load_pem_x509_certificate(old.issue(["ingest"])[0].encode())

    made.renew(["ingest"])
    made.renew(["ingest"])

    new, former = authorities(made)
    issued_before.verify_directly_issued_by(former)
    x509.load_pem_x509_certificate(made.certificate("ingest").read_bytes()).verify_directly_issued_by(new)
    assert new.subject != former.subject


def test_an_authority_that_can_not_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    made = Certificates(tmp_path / "tls")
    made.renew([])
    (made.directory / "ca.key").write_text("no key")

    with pytest.raises(SuiteError, match="remove the folder for a new one"):
        made.renew([])
