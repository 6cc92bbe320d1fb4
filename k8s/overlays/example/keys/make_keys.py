"""Make every secret of the example once, through the API server. What is there already stays as it is.

Passwords are derived from the signing key, so that a run that was interrupted goes on with the same ones.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import urllib.error
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

from meterline.in_pod import call_api
from meterline.suite.context import Context
from meterline.suite.services import SERVICES
from meterline.tokens import Grant, SigningKey, jwks, mint, service_grant

KEY_FILE = Path(os.environ.get("TMPDIR", "/tmp")) / "signing.pem"  # noqa: S108 - the pod's own, and empty at its start
SERVICE_TOKEN_LIFE = timedelta(days=365)
# What services allow a user's token, unless they are told otherwise.
USER_TOKEN_LIFE = timedelta(hours=24)


def make(kind: str, name: str, values: dict[str, str]) -> bool:
    """Make a Secret or ConfigMap, unless it is there. Returns whether it was made."""
    field = "stringData" if kind == "Secret" else "data"
    labels = {"app.kubernetes.io/part-of": "meterline"}
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels}, field: values}
    is_new = True
    try:
        call_api("POST", f"{kind.lower()}s", body)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.CONFLICT:
            raise
        is_new = False
    print(f"{kind} {name}: {'made' if is_new else 'is there'}")
    return is_new


def signing_key() -> SigningKey:
    """Return the key that signs tokens, made at the first run."""
    SigningKey.generate().save(KEY_FILE)
    if not make("Secret", "meterline-signing-key", {"signing.pem": KEY_FILE.read_text()}):
        found = call_api("GET", "secrets/meterline-signing-key")
        KEY_FILE.write_bytes(base64.b64decode(found["data"]["signing.pem"]))
    return SigningKey.load(KEY_FILE)


def password(role: str) -> str:
    """Return the password of a database role."""
    return hmac.new(KEY_FILE.read_bytes(), role.encode(), hashlib.sha256).hexdigest()


def make_database(service: str) -> None:
    """Make what a service's Postgres starts from, and the addresses of its two roles."""
    owner, app = f"{service}_owner", f"{service}_app"
    statements = (
        *(f"CREATE ROLE {role} LOGIN PASSWORD '{password(role)}'" for role in (owner, app)),
        f"CREATE DATABASE {service} OWNER {owner}",
        f"REVOKE ALL ON DATABASE {service} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {service} TO {app}",
    )
    make("Secret", f"{service}-postgres", {"bootstrap.sql": "".join(f"{line}\n" for line in statements)})
    for name, role in ((f"{service}-database", app), (f"{service}-database-owner", owner)):
        make("Secret", name, {"uri": f"postgresql://{role}:{password(role)}@{service}-postgres:5432/{service}"})


def main() -> None:
    """Make all of it; what others wait for comes first."""
    key = signing_key()
    for spec in SERVICES:
        make_database(spec.name)
    make("ConfigMap", "meterline-keys", {"jwks.json": json.dumps(jwks([key]))})
    for spec in SERVICES:
        if spec.asks:
            grant = service_grant(spec.name, acts_for_customers=spec.acts_for_customers)
            make("Secret", f"{spec.name}-token", {"token": mint(key, grant, valid_for=SERVICE_TOKEN_LIFE)})
    user = mint(
        key, Grant(tenant="default", scopes=("report", "read", "admin"), subject="example"), valid_for=USER_TOKEN_LIFE
    )
    # The example has no certificates; `plaintext` says that in words.
    services = {spec.name: f"{spec.name}:8080" for spec in SERVICES}
    context = Context(services=services, token=user, plaintext_allowed=True)
    make("Secret", "meterline-context", {"context.json": json.dumps(context.to_json())})


if __name__ == "__main__":
    main()
