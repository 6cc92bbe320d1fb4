"""Tokens for tests: a throw-away signing key, its JWKS, and tokens of any shape, including wrong ones."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.auth import ISSUER
from chassis.keys import ALGORITHM, make_jwks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class SigningKey:
    """A private key with its kid. It signs tokens that a server with `jwks()` trusts."""

    kid: str
    private: Ed25519PrivateKey

    @classmethod
    def generate(cls, kid: str = "test") -> SigningKey:
        """Make a new key."""
        return cls(kid, Ed25519PrivateKey.generate())

    def jwks(self, *others: SigningKey) -> dict[str, Any]:
        """Return the JWKS with this key's public half, and those of `others`."""
        return make_jwks({key.kid: key.private.public_key() for key in (self, *others)})

    def write_jwks(self, path: Path, *others: SigningKey) -> Path:
        """Write the JWKS to `path` and return it."""
        path.write_text(json.dumps(self.jwks(*others)), encoding="utf-8")
        return path

    def mint(  # noqa: PLR0913 - each is a claim a test may want to set
        self,
        tenant: str,
        scopes: Iterable[str],
        *,
        subject: str = "tester",
        audience: str = "meterline",
        valid_s: float = 3600,
        now_s: float | None = None,
        claims: Mapping[str, object] | None = None,
        headers: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a signed token; `claims` and `headers` override any part, and one set to None is left out."""
        issued_at_s = int(time.time() if now_s is None else now_s)
        payload: dict[str, object] = {
            "iss": ISSUER,
            "aud": audience,
            "sub": subject,
            "tenant": tenant,
            "scopes": [str(scope) for scope in scopes],
            "iat": issued_at_s,
            "exp": issued_at_s + int(valid_s),
            "jti": str(uuid.uuid4()),
        }
        payload.update(claims or {})
        kept = {name: value for name, value in payload.items() if value is not None}
        all_headers = {"typ": "JWT", "kid": self.kid, **(headers or {})}
        sent = {name: value for name, value in all_headers.items() if value is not None}
        # One level below jwt.encode, which won't sign some of the wrong claims that a server must refuse.
        return jwt.PyJWS().encode(json.dumps(kept).encode(), self.private, algorithm=ALGORITHM, headers=sent)

    def mint_internal(self, service: str = "tester") -> str:
        """Return a service's own token, for every tenant: each call names one in `x-meterline-tenant`."""
        return self.mint("*", ["internal"], subject=service)
