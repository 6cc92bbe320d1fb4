"""Verifies EdDSA tokens with public keys only. Whoever can read a service's files still can't make a token.

The server fixes the algorithm, the `kid` chooses a key from a local file, and nothing in a token that points elsewhere
(`jku`, `x5u`, `jwk`, `crit`) is followed.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final, cast

import jwt
from jwt.utils import base64url_decode

from chassis.errors import Reason, Unauthenticated, Unavailable
from chassis.identity import ANY_TENANT, CUSTOMER_CHARS_MAX, Identity, Scope
from chassis.keys import ALGORITHM, KEYS_FILE, load_keys
from chassis.rereading import RereadFile
from chassis.revoked import REVOKED_FILE, TOKEN_ID, load_revoked
from chassis.startup import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from chassis.clock import Clock
    from chassis.keys import TrustedKey

ISSUER: Final = "meterline"
CUSTOMERS: Final = "customers"
"""Value of the claim `acts_for` in a token that allows only calls which act for a customer."""
LEEWAY_S: Final = 30
TOKEN_CHARS_MAX: Final = 8 * 1024
NAME_CHARS_MAX: Final = 128
_CACHE_ENTRIES_MAX: Final = 10_000
_SECONDS_PER_HOUR: Final = 3_600
_REQUIRED_CLAIMS: Final = ("exp", "iat", "iss", "aud", "sub", "tenant", "scopes", "jti")


class TokenVerifier:
    """Turns a bearer token into an Identity; a verified token is remembered until it expires or the keys change."""

    def __init__(
        self,
        jwks_file: Path,
        audience: str,
        clock: Clock,
        *,
        revoked_file: Path | None = None,
        life_max_s: float | None = None,
        service_life_max_s: float | None = None,
    ) -> None:
        """Read the files immediately, because a service without keys must not start. Raises SettingsError.

        A token that is valid for longer from its issue than `life_max_s`, or a service's than `service_life_max_s`, is
        refused; None = no limit.
        """
        self._life_max_s = life_max_s
        self._service_life_max_s = service_life_max_s
        self._audience = audience
        self._clock = clock
        self._cache: dict[str, tuple[Identity, float]] = {}
        self._keys = RereadFile(jwks_file, KEYS_FILE, load_keys, clock)
        self._revoked: RereadFile[frozenset[str]] | None = None
        if revoked_file is not None:
            self._revoked = RereadFile(revoked_file, REVOKED_FILE, load_revoked, clock)

    def verify(self, token: str) -> Identity:
        """Return the caller that the token names.

        Raises Unauthenticated with TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED or KEY_RIGHTS_EXCEEDED, and Unavailable
        while the keys or the list of revoked tokens can't be read.
        """
        self._reread_files()
        now_s = self._clock.now().timestamp()
        identity, expires_at_s = self._cache.get(token) or self._remembered(token, now_s)
        if now_s >= expires_at_s:
            del self._cache[token]
            raise Unauthenticated(Reason.TOKEN_EXPIRED, "the token has expired; make a new one")
        if self._revoked is not None and identity.token_id in self._revoked.content:
            raise Unauthenticated(Reason.TOKEN_REVOKED, "the token was revoked; ask for a new one")
        return identity

    def signs_of(self, token: str) -> dict[str, str]:
        """Return what a log may say of a refused token.

        That is `kid` where it names one of our keys, and `jti` where that key signed it. Anything else in it is the
        text of whoever sent it.
        """
        if len(token) > TOKEN_CHARS_MAX:
            return {}
        signs: dict[str, str] = {}
        with contextlib.suppress(jwt.PyJWTError, ValueError, TypeError, RecursionError):
            kid = jwt.get_unverified_header(token).get("kid", "")
            key = self._keys.content.get(kid)
            if key is not None:
                signs["kid"] = kid
                signs |= _token_id_in(jwt.PyJWS().decode(token, key.public, algorithms=[ALGORITHM]))
        return signs

    def _remembered(self, token: str, now_s: float) -> tuple[Identity, float]:
        verified = self._verify(token, now_s)
        if len(self._cache) >= _CACHE_ENTRIES_MAX:
            # Dicts keep insertion order, so this removes the oldest entry.
            del self._cache[next(iter(self._cache))]
        self._cache[token] = verified
        return verified

    def _verify(self, token: str, now_s: float) -> tuple[Identity, float]:
        key, claims = self._signed_claims(token)
        expires_at_s, issued_at_s = _seconds(claims, "exp"), _seconds(claims, "iat")
        not_before_s = _seconds(claims, "nbf") if "nbf" in claims else issued_at_s
        if now_s >= expires_at_s + LEEWAY_S:
            raise Unauthenticated(Reason.TOKEN_EXPIRED, "the token has expired; make a new one")
        if max(issued_at_s, not_before_s) > now_s + LEEWAY_S:
            raise _invalid("it is not valid yet; check the clocks")
        identity = _identity(claims)
        key.check(identity)
        life_max_s = self._service_life_max_s if identity.tenant == ANY_TENANT else self._life_max_s
        if life_max_s is not None and expires_at_s - issued_at_s > life_max_s:
            hours = f"{life_max_s / _SECONDS_PER_HOUR:g} hours"
            raise _invalid(f"it is valid for too long; make one that ends within {hours} of its issue")
        return identity, expires_at_s + LEEWAY_S

    def _signed_claims(self, token: str) -> tuple[TrustedKey, dict[str, Any]]:
        if len(token) > TOKEN_CHARS_MAX:
            raise _invalid("it is too long")
        try:
            _check_names_once(token)
            header = jwt.get_unverified_header(token)
            # Checked here as well as by the library: an unknown critical extension must be refused (RFC 7515 §4.1.11).
            if header.get("alg") != ALGORITHM or "crit" in header:
                raise _invalid("its header is not allowed")
            key = self._keys.content.get(header.get("kid", ""))
            if key is None:
                raise _invalid("its key is unknown")
            claims = jwt.decode(
                token,
                key.public,
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
        return key, claims

    def _reread_files(self) -> None:
        try:
            if self._keys.reread():
                self._cache.clear()
            if self._revoked is not None:
                self._revoked.reread()
        except SettingsError as error:
            # Fail closed: to go on serving with what may have been revoked would be the worse failure.
            raise Unavailable(Reason.SERVICE_NOT_READY, "the server can't read its token keys; try again") from error


def _check_names_once(token: str) -> None:
    """Raise ValueError for a header or claims with a name twice: others may read the first value, and we the last."""
    for part in token.split(".")[:2]:
        json.loads(base64url_decode(part), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name stands twice")
    return content


def _token_id_in(signed: bytes) -> dict[str, str]:
    claims = json.loads(signed)
    token_id = claims.get("jti") if isinstance(claims, dict) else None
    return {"jti": token_id} if isinstance(token_id, str) and TOKEN_ID.fullmatch(token_id) else {}


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:  # noqa: PLR2004
        raise _invalid(f"claim {name} is not a time")
    return float(value)


def _identity(claims: dict[str, Any]) -> Identity:
    tenant, token_id = _name(claims, "tenant"), claims["jti"]
    if not isinstance(token_id, str) or not TOKEN_ID.fullmatch(token_id):
        raise _invalid("claim jti is not an id: printable ASCII without spaces")
    scopes = _scopes(claims["scopes"])
    customer = _name(claims, "customer", CUSTOMER_CHARS_MAX) if "customer" in claims else ""
    if claims.get("acts_for", CUSTOMERS) != CUSTOMERS:
        raise _invalid(f"claim acts_for is not {CUSTOMERS}")
    acts_for_customers = "acts_for" in claims
    # A user's token may not reach every tenant, nor a service's token be bound to one.
    if Scope.INTERNAL in scopes and tenant != ANY_TENANT:
        raise _invalid("tenant and scopes do not fit together")
    if tenant == ANY_TENANT and not (Scope.INTERNAL in scopes or acts_for_customers):
        raise _invalid("tenant and scopes do not fit together")
    if customer and (tenant == ANY_TENANT or acts_for_customers):
        raise _invalid("a token of one customer names its tenant, and no acts_for")
    return Identity(tenant, _name(claims, "sub"), scopes, token_id, customer, acts_for_customers)


def _name(claims: dict[str, Any], claim: str, chars_max: int = NAME_CHARS_MAX) -> str:
    value = claims[claim]
    if not isinstance(value, str) or not 0 < len(value) <= chars_max or not value.isprintable():
        raise _invalid(f"claim {claim} is not a name")
    return value


def _scopes(value: object) -> frozenset[Scope]:
    if not isinstance(value, list) or not value or not all(isinstance(scope, str) for scope in value):
        raise _invalid("claim scopes is not a list of scopes")
    try:
        return frozenset(Scope(scope) for scope in cast("list[str]", value))
    except ValueError as error:
        raise _invalid("claim scopes names an unknown scope") from error


def _invalid(detail: str) -> Unauthenticated:
    return Unauthenticated(Reason.TOKEN_INVALID, f"the token can't be trusted: {detail}")
