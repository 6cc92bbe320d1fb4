"""Makes tokens: EdDSA-signed JWTs, and the JWKS by which services check them without being able to make one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from meterline.errors import TokenError
from meterline.suite import files
from meterline.suite.directory import REVOKED_FILE_NAME

ISSUER: Final = "meterline"
AUDIENCE: Final = "meterline"
ALGORITHM: Final = "EdDSA"
SCOPES: Final = ("report", "read", "admin", "portal", "internal")
"""What a token may allow; `internal` is for services alone."""

CUSTOMERS: Final = "customers"
"""Value of the claim `acts_for`: each call with the token names the customer it acts for."""

ANY_TENANT: Final = "*"
"""Tenant of a service's own token; the tenant it acts for travels with each call."""

KEY_FILE_NAME: Final = "signing.pem"
JWKS_FILE_NAME: Final = "jwks.json"
_NAME_CHARS_MAX: Final = 128
_CUSTOMER_CHARS_MAX: Final = 256
_TOKEN_ID: Final = re.compile(r"[!-~]{1,128}")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private Ed25519 key; `kid` is its thumbprint (RFC 7638), by which verifiers find the public half."""

    private: Ed25519PrivateKey
    kid: str

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a new key."""
        return cls._of(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Read a PEM file. Raises TokenError if it can't be read, is open to others, or holds no Ed25519 key."""
        try:
            others_may = path.stat().st_mode & _OTHERS
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise TokenError(f"can't read the signing key {path}: {error}") from error
        if others_may:
            # Whoever can read it makes tokens for every tenant; whoever can write it chooses the key.
            raise TokenError(f"other users may read or change the signing key {path}; run: chmod 600 {path}")
        if not isinstance(key, Ed25519PrivateKey):
            raise TokenError(f"the signing key {path} is not an Ed25519 key")
        return cls._of(key)

    @classmethod
    def _of(cls, private: Ed25519PrivateKey) -> SigningKey:
        # RFC 7638: the required members alone, sorted, without white space.
        members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": _public_text(private)}, separators=(",", ":"))
        return cls(private, _base64url(hashlib.sha256(members.encode()).digest()))

    def save(self, path: Path) -> None:
        """Write the key as PEM, readable by its owner alone."""
        pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        files.write_atomically(path, pem.decode("ascii"), mode=files.SECRET_MODE)

    def public_jwk(self) -> dict[str, str]:
        """Return the public half as one entry of a JWKS."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": ALGORITHM,
            "use": "sig",
            "kid": self.kid,
            "x": _public_text(self.private),
        }


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says: who (`subject`) may do what (`scopes`) for whom (`tenant`)."""

    tenant: str
    scopes: tuple[str, ...]
    subject: str
    customer: str = ""
    """The one customer it acts for; empty = the tenant as a whole."""
    acts_for_customers: bool = False
    """Whether each call must name the customer it acts for."""
    token_id: str = ""
    """Its `jti`, by which it can be revoked; empty = a new UUID."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.scopes) - set(SCOPES))
        if unknown or not self.scopes:
            wrong = f"unknown scope {unknown[0]!r}" if unknown else "no scope given"
            raise TokenError(f"{wrong}; choose from {', '.join(SCOPES)}")
        for name, value in (("tenant", self.tenant), ("subject", self.subject)):
            if not 0 < len(value) <= _NAME_CHARS_MAX or not value.isprintable():
                raise TokenError(f"the {name} must have 1 to {_NAME_CHARS_MAX} printable characters")
        if self.customer and (len(self.customer) > _CUSTOMER_CHARS_MAX or not self.customer.isprintable()):
            raise TokenError(f"the customer must have 1 to {_CUSTOMER_CHARS_MAX} printable characters")
        if self.token_id:
            check_token_id(self.token_id)
        self._check_reach()

    def _check_reach(self) -> None:
        """Refuse what services refuse, too: a user's token that reaches every tenant, or a service's of one."""
        if "internal" in self.scopes and self.tenant != ANY_TENANT:
            raise TokenError(f"scope internal and tenant {ANY_TENANT!r} go together, or neither")
        if self.tenant == ANY_TENANT and not ("internal" in self.scopes or self.acts_for_customers):
            raise TokenError(f"scope internal and tenant {ANY_TENANT!r} go together, or neither")
        if self.customer and (self.tenant == ANY_TENANT or self.acts_for_customers):
            raise TokenError("a token of one customer needs its tenant, and can't act for other customers")


def service_grant(service: str, *, acts_for_customers: bool = False) -> Grant:
    """Return what a service's own token says: any tenant, or with `acts_for_customers` one customer at a time."""
    if acts_for_customers:
        return Grant(ANY_TENANT, ("read",), service, acts_for_customers=True)
    return Grant(ANY_TENANT, ("internal",), service)


def mint(
    key: SigningKey,
    grant: Grant,
    *,
    valid_for: timedelta,
    audience: str = AUDIENCE,
    issued_at: datetime | None = None,
) -> str:
    """Return a signed token for `grant`, valid from `issued_at` (default: now). Raises TokenError if it never is."""
    if valid_for <= timedelta(0):
        raise TokenError("a token must be valid for more than no time")
    issued = (issued_at or datetime.now(UTC)).replace(microsecond=0)
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": audience,
        "sub": grant.subject,
        "tenant": grant.tenant,
        "scopes": list(grant.scopes),
        "iat": int(issued.timestamp()),
        "exp": int((issued + valid_for).timestamp()),
        "jti": grant.token_id or str(uuid.uuid4()),
    }
    if grant.customer:
        claims["customer"] = grant.customer
    if grant.acts_for_customers:
        claims["acts_for"] = CUSTOMERS
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})


def check_token_id(token_id: str) -> None:
    """Raise TokenError unless it can be the id of a token."""
    if not _TOKEN_ID.fullmatch(token_id):
        raise TokenError("the id of a token must have 1 to 128 printable ASCII characters and no spaces")


def revoke(revoked_file: Path, token_id: str) -> bool:
    """Add a token's id to the file of revoked tokens; False if it is there already. Raises TokenError."""
    check_token_id(token_id)
    try:
        text = revoked_file.read_text("utf-8") if revoked_file.exists() else ""
        if token_id in text.split():
            return False
        files.write_atomically(revoked_file, f"{text.rstrip()}\n{token_id}\n".lstrip(), mode=files.SECRET_MODE)
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(f"can't add to the file of revoked tokens {revoked_file}: {error}") from error
    return True


def jwks(keys: Iterable[SigningKey]) -> dict[str, Any]:
    """Return the JWKS document of the public halves of `keys`."""
    return {"keys": [key.public_jwk() for key in keys]}


def open_keys(directory: Path) -> SigningKey:
    """Return the signing key in `directory`, made at the first call, and see to it that the JWKS beside it lists it.

    Other public keys in the JWKS stay: tokens of a key that was replaced live on until it is taken out by hand.
    Raises TokenError if what lies there can't be read.
    """
    files.make_private_directory(directory)
    key_file, jwks_file = directory / KEY_FILE_NAME, directory / JWKS_FILE_NAME
    if not key_file.exists():
        SigningKey.generate().save(key_file)
    key = SigningKey.load(key_file)
    others = [entry for entry in listed_keys(jwks_file) if entry.get("kid") != key.kid]
    files.write_json(jwks_file, {"keys": [key.public_jwk(), *others]})
    if not (directory / REVOKED_FILE_NAME).exists():
        files.write_atomically(directory / REVOKED_FILE_NAME, "", mode=files.SECRET_MODE)
    return key


def listed_keys(jwks_file: Path) -> list[dict[str, Any]]:
    """Return the entries of a JWKS file, none if there is no file. Raises TokenError if it can't be read."""
    if not jwks_file.exists():
        return []
    try:
        return list(json.loads(jwks_file.read_text("utf-8"))["keys"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TokenError(f"can't read the public keys in {jwks_file}: {error}") from error


def _public_text(private: Ed25519PrivateKey) -> str:
    return _base64url(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
