"""Who may speak to a service over TLS: by the certificate that a caller shows, and by the name in it."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from chassis.clock import SystemClock
from chassis.errors import Internal, Reason
from chassis.errors.status import from_rpc_error
from chassis.identity import Scope
from chassis.rpc.client import neighbor_errors
from chassis.startup import SettingsError
from chassis.tls.files import TlsFiles, TlsSource
from chassis.tls.server import tls_source
from meterline.suite.certificates import Authority
from testkit.certificates import CertificateFiles
from testkit.wait import eventually

from .conftest import SERVICE, EchoSettings, Running, Starter, tls_settings

ECHO = f"/{SERVICE}/Echo"
NEIGHBOR = "spiffe://example/service/neighbor"


async def echo(request: bytes, context: Any) -> bytes:
    del context
    return request


async def serve(
    start: Starter, certificates: CertificateFiles, *, scopes: frozenset[Scope] = frozenset(Scope), **changed: object
) -> Running:
    files = certificates.write("server")
    handlers: dict[str, Any] = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    return await start(
        handlers, scopes=scopes, **tls_settings(files, **{"tls_internal_names": frozenset({NEIGHBOR}), **changed})
    )


async def call(running: Running, files: TlsFiles | None, token: str | None = None, address: str | None = None) -> bytes:
    source = TlsSource(files) if files else None
    channel: Any = running.channel(token, tls=source, address=address)
    metadata = (("x-meterline-tenant", "acme"),) if token else ()
    answer: bytes = await channel.unary_unary(ECHO)(b"hello", metadata=metadata, timeout=5)
    return answer


async def test_a_caller_with_a_certificate_of_the_authority_is_answered(
    start: Starter, certificates: CertificateFiles
) -> None:
    running = await serve(start, certificates)

    assert await call(running, certificates.write("user")) == b"hello"


async def test_a_caller_that_shows_no_good_certificate_never_reaches_the_service(
    start: Starter, certificates: CertificateFiles
) -> None:
    running = await serve(start, certificates)
    stranger = CertificateFiles(certificates.directory / "stranger")
    stranger.directory.mkdir()
    stranger.believe(certificates.authority)
    refused = {
        "plain text": None,
        "no certificate": TlsFiles(certificates.authorities),
        "another authority": stranger.write("user"),
        "expired": certificates.write("late", is_expired=True),
    }

    for how, files in refused.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(running, files)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE, how


async def test_a_server_that_can_not_prove_its_name_gets_no_call(
    start: Starter, certificates: CertificateFiles
) -> None:
    running = await serve(start, certificates)
    user = certificates.write("user")
    unknown = certificates.directory / "unknown.pem"
    unknown.write_text(Authority.generate().pem)
    elsewhere = certificates.authority.issue(["elsewhere.example"])

    assert await call(running, user) == b"hello"
    with pytest.raises(grpc.aio.AioRpcError):
        await call(running, TlsFiles(unknown, user.certificate, user.key))
    for path, text in zip((running.settings.tls_cert_file, running.settings.tls_key_file), elsewhere, strict=True):
        assert path is not None
        path.write_text(text)

    async def is_refused() -> bool:
        try:
            return await call(running, user) != b"hello"
        except grpc.aio.AioRpcError:
            return True

    await eventually(is_refused)


async def test_a_services_token_counts_only_with_the_certificate_of_a_service(
    start: Starter, certificates: CertificateFiles
) -> None:
    running = await serve(start, certificates, scopes=frozenset({Scope.INTERNAL}))
    token = running.key.mint_internal()

    assert await call(running, certificates.write("neighbor", NEIGHBOR), token) == b"hello"
    for wrong in (certificates.write("user"), certificates.write("other", "spiffe://example/service/other")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(running, wrong, token)
        assert from_rpc_error(caught.value).reason is Reason.CERTIFICATE_FOREIGN


async def test_a_services_certificate_opens_no_method_that_its_token_does_not(
    start: Starter, certificates: CertificateFiles
) -> None:
    running = await serve(start, certificates, scopes=frozenset({Scope.ADMIN}))
    neighbor = certificates.write("neighbor", NEIGHBOR)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(running, neighbor, running.key.mint_internal())
    assert from_rpc_error(caught.value).reason is Reason.SCOPE_MISSING


async def test_nobody_is_a_service_while_no_name_is_allowed(start: Starter, certificates: CertificateFiles) -> None:
    running = await serve(start, certificates, tls_internal_names=frozenset())

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(running, certificates.write("neighbor", NEIGHBOR), running.key.mint_internal())
    assert from_rpc_error(caught.value).reason is Reason.CERTIFICATE_FOREIGN


async def test_users_without_certificates_and_services_with_them_have_a_port_each(
    start: Starter, certificates: CertificateFiles
) -> None:
    running = await serve(start, certificates, tls_client_certs="optional", internal_listen="127.0.0.1:0")
    neighbor, token = certificates.write("neighbor", NEIGHBOR), running.key.mint_internal()
    internal = running.server.internal_address
    assert internal is not None

    assert await call(running, TlsFiles(certificates.authorities)) == b"hello"
    assert await call(running, neighbor, token, internal) == b"hello"
    with pytest.raises(grpc.aio.AioRpcError) as outside:
        await call(running, neighbor, token)
    with pytest.raises(grpc.aio.AioRpcError) as inside:
        await call(running, TlsFiles(certificates.authorities), address=internal)
    assert from_rpc_error(outside.value).reason is Reason.CERTIFICATE_FOREIGN
    assert inside.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_service_whose_certificate_is_refused_says_so_and_not_that_its_caller_has_no_right(
    start: Starter, certificates: CertificateFiles
) -> None:
    running = await serve(start, certificates)

    user, token = certificates.write("user"), running.key.mint_internal()

    with pytest.raises(Internal, match="left does not accept this service's certificate"), neighbor_errors("left"):
        await call(running, user, token)


def test_files_that_do_not_fit_stop_the_service_at_its_start(
    echo_settings: EchoSettings, certificates: CertificateFiles
) -> None:
    one, other = certificates.write("one"), certificates.write("other")
    broken = certificates.directory / "broken.pem"
    broken.write_text(certificates.authorities.read_text()[:200])

    def begin(**changed: object) -> None:
        tls_source(echo_settings.model_copy(update=changed), SystemClock())

    with pytest.raises(SettingsError, match="is not the private key of the certificate"):
        begin(**tls_settings(TlsFiles(one.authorities, one.certificate, other.key)))
    with pytest.raises(SettingsError, match="holds no complete certificate"):
        begin(**tls_settings(TlsFiles(broken, one.certificate, one.key)))
    with pytest.raises(SettingsError, match="No such file"):
        begin(**tls_settings(certificates.files("nobody")))
    with pytest.raises(SettingsError, match="come together"):
        begin(tls_cert_file=one.certificate)
    with pytest.raises(SettingsError, match="missing setting ECHO_TLS_CA_FILE"):
        begin(tls_cert_file=one.certificate, tls_key_file=one.key)
    with pytest.raises(SettingsError, match="missing setting ECHO_TLS_CERT_FILE"):
        begin(tls_ca_file=one.authorities, internal_listen="127.0.0.1:0")
