"""The API server of Kubernetes, as a pod with a service account asks it: for the scripts of k8s/ alone."""

from __future__ import annotations

import json
import os
import ssl
import urllib.request
from pathlib import Path
from typing import Any, Final

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_LIMIT_S: Final = 30.0


def call_api(method: str, path: str, body: dict[str, Any] | None = None, *, account: Path = ACCOUNT) -> dict[str, Any]:
    """Call the API server about an object of the pod's namespace ("secrets/NAME"); a PATCH merges `body` into it.

    Raises urllib.error.HTTPError with the server's status, such as 409 for what is there already.
    """
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    address = f"[{host}]" if ":" in host else host
    namespace = (account / "namespace").read_text("utf-8")
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    request = urllib.request.Request(
        f"https://{address}:{os.environ['KUBERNETES_SERVICE_PORT']}/api/v1/namespaces/{namespace}/{path}",
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={"Authorization": f"Bearer {(account / 'token').read_text('utf-8')}", "Content-Type": kind},
    )
    trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=account / "ca.crt"))
    # Without the proxies that the environment may name: the API server is in the cluster.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
    with opener.open(request, timeout=_LIMIT_S) as answer:
        document: dict[str, Any] = json.load(answer)
        return document
