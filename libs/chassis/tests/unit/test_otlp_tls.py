"""Traces leave this machine encrypted, by the service's own setting or by OpenTelemetry's, or when asked otherwise."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from chassis.telemetry import Telemetry, start_span
from meterline.suite.certificates import Authority
from testkit.certificates import CertificateFiles
from testkit.otlp import OtlpReceiver


class DemoSettings(ServiceSettings):
    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="DEMO_")


@pytest.fixture
def receiver_files(tmp_path: Path) -> CertificateFiles:
    return CertificateFiles(tmp_path)


def receiver(files: CertificateFiles) -> OtlpReceiver:
    pair = files.write("collector")
    assert pair.certificate is not None
    assert pair.key is not None
    return OtlpReceiver(grpc.ssl_server_credentials([(pair.key.read_bytes(), pair.certificate.read_bytes())]))


def export_one(endpoint: str, ca_file: Path | None = None) -> None:
    settings = DemoSettings(
        dsn=SecretStr("postgresql://none"), jwks_file=Path("none"), otlp_endpoint=endpoint, otlp_ca_file=ca_file
    )
    telemetry = Telemetry.start("demo", settings)
    try:
        with start_span("work"):
            pass
    finally:
        telemetry.shutdown()


def test_a_receiver_is_reached_over_tls_by_our_setting(receiver_files: CertificateFiles) -> None:
    with receiver(receiver_files) as collector:
        export_one(f"https://{collector.endpoint}", receiver_files.authorities)

        assert [span.name for span in collector.spans()] == ["work"]


def test_a_receiver_is_reached_over_tls_by_opentelemetrys_own_variables(
    receiver_files: CertificateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(receiver_files) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(receiver_files.authorities))
        export_one(f"https://{collector.endpoint}")

        assert [span.name for span in collector.spans()] == ["work"]


def test_a_receiver_that_can_not_prove_who_it_is_gets_nothing(receiver_files: CertificateFiles, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(Authority.generate().pem)
    with receiver(receiver_files) as collector:
        export_one(f"https://{collector.endpoint}", other)

        assert collector.spans() == []


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_plain_text_is_spoken_on_this_machine_or_when_said(scheme: str) -> None:
    with OtlpReceiver() as collector:
        export_one(f"{scheme}{collector.endpoint}")

        assert [span.name for span in collector.spans()] == ["work"]
