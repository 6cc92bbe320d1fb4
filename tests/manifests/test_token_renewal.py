"""What k8s/components/token-renewal runs, against an API server that speaks HTTPS and keeps what it is sent."""

from __future__ import annotations

import importlib.util
import json
import ssl
import threading
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import generate_manifests
from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from meterline.suite.services import SERVICES
from meterline.tokens import SigningKey, jwks
from testkit.certificates import CertificateFiles

SCRIPT = generate_manifests.K8S / "components/token-renewal/renew_tokens.py"


@dataclass
class ApiServer:
    """What was asked of it, and the status that it answers."""

    server: ThreadingHTTPServer
    status: int = 200
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """What a pod finds of its service account, with a namespace of its own."""
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "namespace").write_text("billing")
    (folder / "token").write_text("of-the-pod")
    return folder


@pytest.fixture
def api_server(tmp_path: Path, account: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    certificates = CertificateFiles(tmp_path)
    files = certificates.write("api")
    (account / "ca.crt").write_bytes(certificates.authorities.read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api.asked.append((self.command, self.path, dict(self.headers), body))
            self.send_response(api.status)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(files.certificate), str(files.key))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    api = ApiServer(server)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.server_port))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield api
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def renewal() -> ModuleType:
    spec = importlib.util.spec_from_file_location("renew_tokens", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mounted(key: SigningKey, folder: Path) -> Path:
    """The key as Kubernetes mounts it: its group may read it."""
    file = folder / "mounted.pem"
    key.save(file)
    file.chmod(0o440)
    return file


def test_each_service_that_calls_another_gets_a_token_that_services_take(
    tmp_path: Path, account: Path, api_server: ApiServer, renewal: ModuleType
) -> None:
    key = SigningKey.generate()

    renewal.main(mounted(key, tmp_path), tmp_path / "copied.pem", account)

    callers = [spec.name for spec in SERVICES if spec.asks]
    assert [(method, path) for method, path, _, _ in api_server.asked] == [
        ("PATCH", f"/api/v1/namespaces/billing/secrets/{name}-token") for name in callers
    ]
    (tmp_path / "jwks.json").write_text(json.dumps(jwks([key])))
    verifier = TokenVerifier(
        tmp_path / "jwks.json", "meterline", SystemClock(), service_life_max_s=renewal.LIFE.total_seconds()
    )
    for name, (_, _, headers, body) in zip(callers, api_server.asked, strict=True):
        assert headers["Authorization"] == "Bearer of-the-pod"
        assert headers["Content-Type"] == "application/merge-patch+json"
        identity = verifier.verify(body["stringData"]["token"])
        assert identity.is_internal is not identity.acts_for_customers
        assert identity.subject == name


def test_a_secret_that_can_not_be_written_ends_the_run_with_an_error(
    tmp_path: Path, account: Path, api_server: ApiServer, renewal: ModuleType
) -> None:
    api_server.status = 404

    with pytest.raises(urllib.error.HTTPError) as caught:
        renewal.main(mounted(SigningKey.generate(), tmp_path), tmp_path / "copied.pem", account)

    caught.value.close()
    assert len(api_server.asked) == 1
