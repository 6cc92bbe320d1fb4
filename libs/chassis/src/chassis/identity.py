"""Who is calling and for which tenant; set by the server for the duration of a call, read anywhere below it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from chassis.errors import InvalidRequest, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANT_METADATA: Final = "x-meterline-tenant"
"""Metadata key by which a service names the tenant it acts for."""

CUSTOMER_METADATA: Final = "x-meterline-customer"
"""Metadata key by which a caller names the customer it acts for, percent-encoded as `customer_to_metadata` does."""

REASON_METADATA: Final = "x-meterline-reason-bin"
"""Metadata key by which a caller says why it changes something, as UTF-8."""

ANY_TENANT: Final = "*"
"""The tenant of a service's own token: with it, each call names the tenant it acts for."""

CUSTOMER_CHARS_MAX: Final = 256
"""Most characters of a customer's key."""


class Scope(StrEnum):
    """What a token allows. A method's policy lists scopes; a token needs any one of them."""

    REPORT = "report"
    READ = "read"
    ADMIN = "admin"
    INTERNAL = "internal"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified caller. `subject` (a user, an application, a service) acts for `tenant`.

    `token_id` is the `jti` of its token. `customer` is the one customer it acts for; empty = the tenant as a whole.
    """

    tenant: str
    subject: str
    scopes: frozenset[Scope]
    token_id: str = ""
    customer: str = ""
    acts_for_customers: bool = False
    """Whether its token allows only calls that act for a customer."""

    @property
    def is_internal(self) -> bool:
        """Whether the caller is a service of the suite."""
        return Scope.INTERNAL in self.scopes

    @property
    def is_worker(self) -> bool:
        """Whether this is background work of this process, outside any call."""
        return self.subject == _WORKER_SUBJECT and self.is_internal


_WORKER_SUBJECT: Final = "worker"
_current: ContextVar[Identity | None] = ContextVar("meterline_identity", default=None)
_WORKER = Identity(tenant=ANY_TENANT, subject=_WORKER_SUBJECT, scopes=frozenset({Scope.INTERNAL}))


def set_identity(identity: Identity) -> None:
    """Set the caller for the rest of this task. For the server, where each call is one task."""
    _current.set(identity)


def find_identity() -> Identity | None:
    """Return the caller, or None outside any call."""
    return _current.get()


def current_identity() -> Identity:
    """Return the caller. Raises LookupError outside a call, where there is none: asking for it is a defect."""
    identity = _current.get()
    if identity is None:
        raise LookupError("no identity: this code runs neither inside an RPC nor inside acting_for()")
    return identity


def current_tenant() -> str:
    """Return the tenant that the caller acts for.

    Raises InvalidRequest (TENANT_MISSING) if a service calls without naming a tenant, and LookupError outside a call.
    """
    tenant = current_identity().tenant
    if tenant == ANY_TENANT:
        raise InvalidRequest(Reason.TENANT_MISSING, f"an internal call must name its tenant in `{TENANT_METADATA}`")
    return tenant


@contextmanager
def acting_for_everyone() -> Iterator[None]:
    """Act for the tenant as a whole inside the block, also in a call of one customer.

    Only for questions whose answer tells nothing about anybody, such as how long a log is.
    """
    identity = _current.get()
    token = _current.set(None if identity is None else replace(identity, customer=""))
    try:
        yield
    finally:
        _current.reset(token)


def customer_to_metadata(customer: str) -> str:
    """Return a customer's key as metadata carries it, which is ASCII: as UTF-8, percent-encoded where needed."""
    return quote(customer, safe="/:@+,;=~!$&'()*")


def customer_from_metadata(value: str) -> str:
    """Return the customer's key that metadata carries. Raises InvalidRequest (CUSTOMER_MISSING) if it can't be one."""
    try:
        customer = unquote(value, errors="strict")
    except UnicodeDecodeError:
        customer = ""
    if not customer or not customer.isprintable() or len(customer) > CUSTOMER_CHARS_MAX:
        raise InvalidRequest(Reason.CUSTOMER_MISSING, f"`{CUSTOMER_METADATA}` must name one customer, percent-encoded")
    return customer


@contextmanager
def acting_for(tenant: str) -> Iterator[Identity]:
    """Act for `tenant` inside the block. For background loops, and for internal calls that serve several tenants."""
    if not tenant or tenant == ANY_TENANT:
        raise ValueError("acting_for needs one tenant")
    identity = replace(_current.get() or _WORKER, tenant=tenant)
    token = _current.set(identity)
    try:
        yield identity
    finally:
        _current.reset(token)
