"""A caller's token and the key that signs tokens are in no database, no log and no span, whatever happened to calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from testkit.live import LiveSuite, Tenant
from testkit.otlp import OtlpReceiver
from testkit.wait import wait_until

CATALOG: Final = """
kind: Meter
metadata: {name: kept}
spec: {eventTypes: [kept.once], aggregation: COUNT, unit: call}
---
kind: Customer
metadata: {name: ann}
spec: {displayName: Ann, currency: EUR}
"""
EVENT: Final = {"id": "1", "source": "s", "type": "kept.once", "customer": "ann", "time": "2024-01-10T00:00:00Z"}


def holders(folder: Path, *secrets: bytes) -> list[str]:
    """The files below a folder that hold one of the secrets, a running database's files among them."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path.name for path in files if any(secret in path.read_bytes() for secret in secrets)]


def test_a_token_and_the_signing_key_are_kept_nowhere(
    suite: LiveSuite, otlp: OtlpReceiver, make_tenant: Callable[[str], Tenant]
) -> None:
    tenant = make_tenant("kept")
    token = json.loads(tenant.context.read_text())["token"]
    _, claims, signature = token.encode().split(b".")
    tenant.apply(CATALOG)
    tenant.report(EVENT)
    # What is refused is logged and recorded as well.
    tenant.run("get", "meter", "there-is-none", expected=(3,))
    tenant.context.write_text(tenant.context.read_text().replace(token, f"{token[:-4]}AAAA"))
    tenant.run("get", "meters", expected=(6,))
    signing_key = next(suite.directory.rglob("signing.pem")).read_bytes().splitlines()[1]
    # The trail is there, so that there is something to look at; it names the token by its id alone.
    wait_until(lambda: [span for span in otlp.spans() if tenant.name in repr(span)], 30, what="spans of the tenant")

    assert holders(suite.directory, claims, signature) == []
    assert holders(suite.directory, signing_key) == ["signing.pem"]
    told = repr(otlp.spans()).encode()
    assert tenant.name.encode() in told
    assert claims not in told
    assert signature not in told
    assert holders(suite.directory, tenant.name.encode()), "or nothing of the tenant was written at all"
