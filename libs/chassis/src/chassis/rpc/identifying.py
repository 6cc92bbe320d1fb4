"""Who a call is from, and for whom: by its token, and by what a service says in metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chassis.errors import Forbidden, InvalidRequest, Reason, Unauthenticated
from chassis.identity import (
    ANY_TENANT,
    CUSTOMER_METADATA,
    TENANT_METADATA,
    Identity,
    customer_from_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chassis.auth import TokenVerifier
    from chassis.rpc.method import Method

_BEARER: Final = "Bearer "


def identify(verifier: TokenVerifier, metadata: Mapping[str, str]) -> Identity:
    """Return the caller, for the tenant and the customer it acts for. Raises if it proves none, or may not act so."""
    authorization = metadata.get("authorization")
    if authorization is None or not authorization.startswith(_BEARER):
        raise Unauthenticated(Reason.TOKEN_MISSING, "send metadata `authorization: Bearer <token>`")
    if "\n" in authorization:
        raise Unauthenticated(Reason.TOKEN_INVALID, "the call carries two tokens; send `authorization` once")
    identity = verifier.verify(token_in(metadata))
    return _for_customer(_for_tenant(identity, metadata.get(TENANT_METADATA)), metadata.get(CUSTOMER_METADATA))


def token_in(metadata: Mapping[str, str]) -> str:
    """Return the token of a call; empty if it has none."""
    authorization = metadata.get("authorization", "")
    return authorization[len(_BEARER) :] if authorization.startswith(_BEARER) else ""


def check_scopes(name: str, method: Method, identity: Identity) -> None:
    """Refuse a caller whose token has none of the scopes of a method."""
    if identity.scopes.isdisjoint(method.scopes):
        allowed = ", ".join(sorted(method.scopes))
        raise Forbidden(Reason.SCOPE_MISSING, f"{name[1:]} needs a token with one of the scopes: {allowed}")


def check_names(allowed: frozenset[str], names: frozenset[str]) -> None:
    """Refuse a service's token from a caller without the certificate of a service: a token alone can be copied."""
    if names.isdisjoint(allowed):
        shown = "a certificate without an allowed name" if names else "no certificate"
        text = f"a service must show a certificate with a name that is allowed here, and this call came with {shown}"
        raise Forbidden(Reason.CERTIFICATE_FOREIGN, f"{text}; see TLS_INTERNAL_NAMES of the service that was called")


def _for_tenant(identity: Identity, named: str | None) -> Identity:
    """Return `identity` acting for the tenant that the metadata names; only a service of the suite may name one."""
    if named is None or named == identity.tenant:
        return identity
    if identity.tenant != ANY_TENANT:
        raise Forbidden(Reason.TENANT_FOREIGN, f"leave `{TENANT_METADATA}` out: the tenant comes from the token")
    if not named or not named.isprintable():
        raise InvalidRequest(Reason.TENANT_MISSING, f"`{TENANT_METADATA}` must name one tenant")
    return replace(identity, tenant=named)


def _for_customer(identity: Identity, value: str | None) -> Identity:
    """Return `identity` acting for the customer that the metadata names.

    Whoever acts for a whole tenant may name one: that only takes rights away. A token of one customer may not.
    """
    if value is None:
        if identity.acts_for_customers:
            message = f"the token allows only calls that act for a customer; name it in `{CUSTOMER_METADATA}`"
            raise InvalidRequest(Reason.CUSTOMER_MISSING, message)
        return identity
    customer = customer_from_metadata(value)
    if identity.customer not in ("", customer):
        message = f"leave `{CUSTOMER_METADATA}` out: the customer comes from the token"
        raise Forbidden(Reason.CUSTOMER_FOREIGN, message)
    if identity.tenant == ANY_TENANT:
        message = f"a call that names a customer must name its tenant, too, in `{TENANT_METADATA}`"
        raise InvalidRequest(Reason.TENANT_MISSING, message)
    return replace(identity, customer=customer)
