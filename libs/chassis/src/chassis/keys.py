"""The public keys that sign tokens, and what each of them may sign: a JWKS file with a few members of our own."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chassis.errors import Reason, Unauthenticated
from chassis.identity import Scope
from chassis.rereading import read_text
from chassis.startup import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from chassis.identity import Identity

ALGORITHM: Final = "EdDSA"
KEYS_FILE: Final = "JWKS file"
"""What the file is called where it can't be read."""
SCOPES_MEMBER: Final = "meterline_scopes"
"""Member of a JWK: the scopes that its tokens may have; without it, all."""
TENANTS_MEMBER: Final = "meterline_tenants"
"""Member of a JWK: the tenants that its tokens may act for ("*" = services' tokens); without it, all."""
CUSTOMERS_MEMBER: Final = "meterline_customers_only"
"""Member of a JWK: true if its tokens may act for customers only, never for a tenant as a whole."""
_MEMBER_PREFIX: Final = "meterline_"
_FILE_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key and the rights of its tokens; None = any."""

    public: Ed25519PublicKey
    scopes: frozenset[Scope] | None = None
    tenants: frozenset[str] | None = None
    customers_only: bool = False

    def check(self, identity: Identity) -> None:
        """Raise Unauthenticated (KEY_RIGHTS_EXCEEDED) if the key may not sign for `identity`."""
        if self.scopes is not None and not identity.scopes <= self.scopes:
            beyond = ", ".join(sorted(identity.scopes - self.scopes))
            raise _exceeded(f"the scopes: {beyond}")
        if self.tenants is not None and identity.tenant not in self.tenants:
            raise _exceeded("the tenant it names")
        if self.customers_only and not (identity.customer or identity.acts_for_customers):
            raise _exceeded("a tenant as a whole, only for its customers")


def make_jwks(public_keys: Mapping[str, Ed25519PublicKey]) -> dict[str, Any]:
    """Return the JWKS document of `public_keys` (kid -> key), as `load_keys` reads it."""
    return {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": ALGORITHM,
                "use": "sig",
                "kid": kid,
                "x": base64.urlsafe_b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode(),
            }
            for kid, key in public_keys.items()
        ]
    }


def load_keys(jwks_file: Path) -> dict[str, TrustedKey]:
    """Read the trusted keys by kid. Raises SettingsError, in one line, unless the file is a JWKS of Ed25519 keys."""
    try:
        document = json.loads(read_text(jwks_file, KEYS_FILE, _FILE_BYTES_MAX))
    except ValueError as error:
        raise SettingsError(f"can't read the JWKS file {jwks_file}: {error}") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise SettingsError(f"the JWKS file {jwks_file} holds no keys")
    keys: dict[str, TrustedKey] = {}
    for entry in entries:
        try:
            kid, key = _load_key(entry)
        except ValueError as error:
            raise SettingsError(f"the JWKS file {jwks_file} holds {error}") from error
        if kid in keys:
            raise SettingsError(f"the JWKS file {jwks_file} holds the kid {kid!r} twice")
        keys[kid] = key
    return keys


def _load_key(entry: object) -> tuple[str, TrustedKey]:
    if not isinstance(entry, dict) or entry.get("kty") != "OKP" or entry.get("crv") != "Ed25519":
        raise ValueError("a key that is not Ed25519")
    if "d" in entry:
        raise ValueError("a private key: services must have public keys only")
    kid, encoded = entry.get("kid"), entry.get("x")
    if not isinstance(kid, str) or not kid or not isinstance(encoded, str):
        raise ValueError("a key without kid or x")
    try:
        raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        public = Ed25519PublicKey.from_public_bytes(raw)
        return kid, _with_rights(public, entry)
    except ValueError as error:
        raise ValueError(f"a broken key {kid!r}: {error}") from error


def _with_rights(public: Ed25519PublicKey, entry: Mapping[str, Any]) -> TrustedKey:
    known = {SCOPES_MEMBER, TENANTS_MEMBER, CUSTOMERS_MEMBER}
    # A misspelt member would let the key sign more than was meant.
    for name in sorted(entry):
        if name.startswith(_MEMBER_PREFIX) and name not in known:
            raise ValueError(f"its member {name} is unknown; use {', '.join(sorted(known))}")
    customers_only = entry.get(CUSTOMERS_MEMBER, False)
    if not isinstance(customers_only, bool):
        raise ValueError(f"its member {CUSTOMERS_MEMBER} must be true or false")  # noqa: TRY004 - all faults alike
    scopes = _texts(entry, SCOPES_MEMBER)
    return TrustedKey(
        public=public,
        scopes=None if scopes is None else frozenset(map(Scope, scopes)),
        tenants=_texts(entry, TENANTS_MEMBER),
        customers_only=customers_only,
    )


def _texts(entry: Mapping[str, Any], member: str) -> frozenset[str] | None:
    if member not in entry:
        return None
    values = entry[member]
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise ValueError(f"its member {member} must be a list of texts, with one at least")
    return frozenset(values)


def _exceeded(beyond: str) -> Unauthenticated:
    message = f"the key that signed the token may not sign for {beyond}; sign with one that may, or claim less"
    return Unauthenticated(Reason.KEY_RIGHTS_EXCEEDED, message)
