"""The server's half: credentials that follow their files, the caller's names, and how long certificates are valid."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
from cryptography import x509
from opentelemetry.metrics import Observation

from chassis.logs import get_logger
from chassis.startup import SettingsError
from chassis.telemetry import active_telemetry, counter_from_zero
from chassis.tls.files import TlsFiles, TlsMaterial, TlsSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chassis.clock import Clock
    from chassis.settings import ServiceSettings

_log = get_logger(__name__)
_NAMES: Final = "x509_subject_alternative_name"
_OUTCOME: Final = "metering.outcome"
_RELOADED, _REFUSED = {_OUTCOME: "reloaded"}, {_OUTCOME: "refused"}
_FILE: Final = "tls.file"


def tls_source(settings: ServiceSettings, clock: Clock) -> TlsSource | None:
    """Return the service's certificates, watched from now on and measured; None if its settings name none.

    Raises SettingsError if they can't be used. Create it after `Telemetry.start`, once a process.
    """
    files = TlsFiles(settings.tls_ca_file, settings.tls_cert_file, settings.tls_key_file)
    if files == TlsFiles():
        return None
    prefix = str(type(settings).model_config.get("env_prefix", ""))
    if files.certificate is not None and files.authorities is None:
        needing = settings.tls_client_certs == "required" or settings.internal_listen is not None
        if needing:
            raise SettingsError(
                f"missing setting {prefix}TLS_CA_FILE: callers must show a certificate, and it says who signs them"
            )
    if settings.internal_listen is not None and files.certificate is None:
        raise SettingsError(f"missing setting {prefix}TLS_CERT_FILE: {prefix}INTERNAL_LISTEN speaks TLS alone")
    meter = active_telemetry().meter
    reloads = counter_from_zero(
        meter, "tls.reload", "{reload}", "Changed certificate files, taken over or refused", (_RELOADED, _REFUSED)
    )

    def on_change(refusal: str | None) -> None:
        reloads.add(1, _REFUSED if refusal else _RELOADED)
        if refusal:
            _log.error("the changed TLS files are not used, the old ones go on", problem=refusal)
        else:
            _log.info("the changed TLS files are in use")

    source = TlsSource(files, on_change=on_change)
    meter.create_observable_gauge("tls.certificate.seconds", [lambda _: _observe(source, clock, share=False)], "s")
    meter.create_observable_gauge("tls.certificate.left", [lambda _: _observe(source, clock, share=True)], "{share}")
    return source


def server_credentials(source: TlsSource, *, demands_certificate: bool) -> grpc.ServerCredentials:
    """Return credentials that ask `source` at every new connection; `demands_certificate` = from every caller."""
    served = _Served(source)
    # None means that nothing has changed, of which the stubs do not know.
    fetcher = cast("Callable[[], grpc.ServerCertificateConfiguration]", served.next)
    return grpc.dynamic_ssl_server_credentials(served.first(), fetcher, demands_certificate)


class _Served:
    """Tells gRPC of new certificates. Its threads ask, at every new connection; an error there would end that one."""

    def __init__(self, source: TlsSource) -> None:
        self._source = source
        self._told = source.current()
        self._lock = threading.Lock()

    def first(self) -> grpc.ServerCertificateConfiguration:
        return _configuration(self._told)

    def next(self) -> grpc.ServerCertificateConfiguration | None:
        with self._lock:
            material = self._source.current()
            if material is self._told:
                return None
            self._told = material
        return _configuration(material)


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    pair = cast("tuple[bytes, bytes]", (material.key, material.certificate))
    return grpc.ssl_server_certificate_configuration([pair], material.authorities)


def caller_names(context: Any) -> frozenset[str]:
    """Return the names in the caller's certificate (DNS names and URIs); none if it showed no certificate.

    Only gRPC's own word counts: whatever a caller writes into its metadata can be made up.
    """
    return frozenset(name.decode("utf-8", "replace") for name in context.auth_context().get(_NAMES, ()))


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate is valid, in seconds since 1970."""

    begins_s: float
    ends_s: float


def validities(material: TlsMaterial) -> dict[str, Validity]:
    """Return how long one's own certificate is valid, and the authority that lasts longest."""
    found = {}
    for name, pem in (("certificate", material.certificate), ("authority", material.authorities)):
        if pem is not None:
            certificates = x509.load_pem_x509_certificates(pem)
            # The first certificate is one's own. Of the authorities, old ones stay beside new ones for a while.
            chosen = (
                certificates[0] if name == "certificate" else max(certificates, key=lambda one: one.not_valid_after_utc)
            )
            found[name] = Validity(chosen.not_valid_before_utc.timestamp(), chosen.not_valid_after_utc.timestamp())
    return found


def _observe(source: TlsSource, clock: Clock, *, share: bool) -> Iterable[Observation]:
    now_s = clock.now().timestamp()
    for name, validity in validities(source.current()).items():
        left_s = validity.ends_s - now_s
        yield Observation(left_s / (validity.ends_s - validity.begins_s) if share else left_s, {_FILE: name})
