"""Verifies EdDSA tokens with public keys only. Whoever can read a service's files still can't make a token.

The server fixes the algorithm, the `kid` chooses a key from a local file, and nothing in a token that points elsewhere
(`jku`, `x5u`, `jwk`, `crit`) is followed.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chassis.errors import Reason, Unauthenticated, Unavailable
from chassis.identity import ANY_TENANT, Identity, Scope
from chassis.startup import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from chassis.clock import Clock

ISSUER: Final = "meterline"
ALGORITHM: Final = "EdDSA"
LEEWAY_S: Final = 30
TOKEN_CHARS_MAX: Final = 8 * 1024
NAME_CHARS_MAX: Final = 128
_CACHE_ENTRIES_MAX: Final = 10_000
_RELOAD_INTERVAL_S: Final = 10.0
_SECONDS_PER_DAY: Final = 86_400
_FILE_BYTES_MAX: Final = 1024 * 1024
_REQUIRED_CLAIMS: Final = ("exp", "iat", "iss", "aud", "sub", "tenant", "scopes", "jti")


def make_jwks(public_keys: Mapping[str, Ed25519PublicKey]) -> dict[str, Any]:
    """Return the JWKS document of `public_keys` (kid -> key), as `TokenVerifier` reads it."""
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


def load_jwks(jwks_file: Path) -> dict[str, Ed25519PublicKey]:
    """Read the public keys by kid. Raises SettingsError, in one line, unless the file is a JWKS of Ed25519 keys."""
    try:
        with jwks_file.open("rb") as file:
            document = json.loads(file.read(_FILE_BYTES_MAX))
    except (OSError, ValueError) as error:
        raise SettingsError(f"can't read the JWKS file {jwks_file}: {error}") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise SettingsError(f"the JWKS file {jwks_file} holds no keys")
    keys: dict[str, Ed25519PublicKey] = {}
    for entry in entries:
        kid, key = _load_key(jwks_file, entry)
        if kid in keys:
            raise SettingsError(f"the JWKS file {jwks_file} holds the kid {kid!r} twice")
        keys[kid] = key
    return keys


def _load_key(jwks_file: Path, entry: object) -> tuple[str, Ed25519PublicKey]:
    if not isinstance(entry, dict) or entry.get("kty") != "OKP" or entry.get("crv") != "Ed25519":
        raise SettingsError(f"the JWKS file {jwks_file} holds a key that is not Ed25519")
    if "d" in entry:
        raise SettingsError(f"the JWKS file {jwks_file} holds a private key: services must have public keys only")
    kid, encoded = entry.get("kid"), entry.get("x")
    if not isinstance(kid, str) or not kid or not isinstance(encoded, str):
        raise SettingsError(f"the JWKS file {jwks_file} holds a key without kid or x")
    try:
        raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        return kid, Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise SettingsError(f"the JWKS file {jwks_file} holds a broken key {kid!r}: {error}") from error


class TokenVerifier:
    """Turns a bearer token into an Identity; a verified token is remembered until it expires or the keys change."""

    def __init__(self, jwks_file: Path, audience: str, clock: Clock, *, life_max_s: float | None = None) -> None:
        """Read the keys immediately, because a service without keys must not start. Raises SettingsError.

        A token that is valid for longer than `life_max_s` from its issue is refused; None = no limit.
        """
        self._life_max_s = life_max_s
        self._jwks_file = jwks_file
        self._audience = audience
        self._clock = clock
        self._cache: dict[str, tuple[Identity, float]] = {}
        self._keys = load_jwks(jwks_file)
        self._file_state = _file_state(jwks_file)
        self._reload_after_s = clock.monotonic_s() + _RELOAD_INTERVAL_S

    def verify(self, token: str) -> Identity:
        """Return the caller that the token names. Raises Unauthenticated with TOKEN_INVALID or TOKEN_EXPIRED."""
        self._reload_if_changed()
        known = self._cache.get(token)
        now_s = self._clock.now().timestamp()
        if known is not None:
            identity, expires_at_s = known
            if now_s < expires_at_s:
                return identity
            del self._cache[token]
        identity, expires_at_s = self._verify(token, now_s)
        if len(self._cache) >= _CACHE_ENTRIES_MAX:
            # Dicts keep insertion order, so this removes the oldest entry.
            del self._cache[next(iter(self._cache))]
        self._cache[token] = (identity, expires_at_s)
        return identity

    def _verify(self, token: str, now_s: float) -> tuple[Identity, float]:
        claims = self._signed_claims(token)
        expires_at_s, issued_at_s = _seconds(claims, "exp"), _seconds(claims, "iat")
        not_before_s = _seconds(claims, "nbf") if "nbf" in claims else issued_at_s
        if now_s >= expires_at_s + LEEWAY_S:
            raise Unauthenticated(Reason.TOKEN_EXPIRED, "the token has expired; make a new one")
        if self._life_max_s is not None and expires_at_s - issued_at_s > self._life_max_s:
            days = f"{self._life_max_s / _SECONDS_PER_DAY:g} days"
            raise _invalid(f"it is valid for too long; make one that ends within {days} of its issue")
        if max(issued_at_s, not_before_s) > now_s + LEEWAY_S:
            raise _invalid("it is not valid yet; check the clocks")
        return _identity(claims), expires_at_s + LEEWAY_S

    def _signed_claims(self, token: str) -> dict[str, Any]:
        if len(token) > TOKEN_CHARS_MAX:
            raise _invalid("it is too long")
        try:
            header = jwt.get_unverified_header(token)
            # Checked here as well as by the library: an unknown critical extension must be refused (RFC 7515 §4.1.11).
            if header.get("alg") != ALGORITHM or "crit" in header:
                raise _invalid("its header is not allowed")
            key = self._keys.get(header.get("kid", ""))
            if key is None:
                raise _invalid("its key is unknown")
            return jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=ISSUER,
                # Times are checked against the injected clock, not the machine's.
                options={
                    "require": list(_REQUIRED_CLAIMS),
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            # The library's messages can quote the token; the name of the error's type is safe and says enough.
            raise _invalid(f"it is malformed or not signed for us ({type(error).__name__})") from error

    def _reload_if_changed(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._reload_after_s:
            return
        try:
            state = _file_state(self._jwks_file)
            if state != self._file_state:
                self._keys = load_jwks(self._jwks_file)
                self._cache.clear()
                self._file_state = state
        except SettingsError as error:
            # Fail closed: to go on serving with keys that may have been revoked would be the worse failure.
            raise Unavailable(Reason.SERVICE_NOT_READY, "the server can't read its token keys; try again") from error
        self._reload_after_s = now_s + _RELOAD_INTERVAL_S


def _file_state(path: Path) -> tuple[int, int, int]:
    try:
        stat = os.stat(path)  # noqa: PTH116 - runs within calls now and then, at half the cost of Path.stat
    except OSError as error:
        raise SettingsError(f"can't read the JWKS file {path}: {error}") from error
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:  # noqa: PLR2004
        raise _invalid(f"claim {name} is not a time")
    return float(value)


def _identity(claims: dict[str, Any]) -> Identity:
    tenant, subject, scopes, token_id = claims["tenant"], claims["sub"], claims["scopes"], claims["jti"]
    for name, value in (("tenant", tenant), ("sub", subject), ("jti", token_id)):
        if not isinstance(value, str) or not 0 < len(value) <= NAME_CHARS_MAX or not value.isprintable():
            raise _invalid(f"claim {name} is not a name")
    if not isinstance(scopes, list) or not scopes or not all(isinstance(scope, str) for scope in scopes):
        raise _invalid("claim scopes is not a list of scopes")
    try:
        known = frozenset(Scope(scope) for scope in cast("list[str]", scopes))
    except ValueError as error:
        raise _invalid("claim scopes names an unknown scope") from error
    # Both ways: a user's token may not reach every tenant, and a service's token may not be bound to one.
    if (tenant == ANY_TENANT) != (Scope.INTERNAL in known):
        raise _invalid("tenant and scopes do not fit together")
    return Identity(tenant=tenant, subject=subject, scopes=known, token_id=token_id)


def _invalid(detail: str) -> Unauthenticated:
    return Unauthenticated(Reason.TOKEN_INVALID, f"the token can't be trusted: {detail}")
