"""Sessions: who may look at one customer's pages, by which secret, and for how long.

A secret is told once and kept as its SHA-256 alone. A link's secret is a code that is redeemed once, for a cookie.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chassis.errors import Forbidden, Reason, Unauthenticated
from chassis.errors.refused import Refused
from chassis.text import check_name

TOKEN_PREFIX: Final = "mlp_"  # noqa: S105 - not a secret: what all secrets begin with
"""Scanners for secrets that were published find ours by it."""
TTL_DEFAULT: Final = timedelta(minutes=10)
TTL_MAX: Final = timedelta(hours=1)
COOKIE_IDLE: Final = timedelta(hours=1)
COOKIE_LIFE: Final = timedelta(hours=12)
USE_NOTED_EVERY: Final = timedelta(minutes=1)
KEPT_FOR: Final = timedelta(days=30)
"""How long a session that has ended stays in the list."""
_SECRET_BYTES: Final = 32
_SECRET: Final = re.compile(r"mlp_[A-Za-z0-9_-]{43}", re.ASCII)
_LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", re.ASCII)


class SessionKind(StrEnum):
    """How a session is used."""

    EMBED = "embed"
    """By elements in a page of the seller's platform, with the secret as a bearer token."""
    LINK = "link"
    """By whoever opens a link, with a cookie once the link's code was redeemed."""
    OPERATOR = "operator"
    """As a link, by somebody of the seller who looks at what the customer sees."""


class PageName(StrEnum):
    """A page of the portal, or an element of the same name."""

    OVERVIEW = "overview"
    USAGE = "usage"
    COST = "cost"
    INVOICES = "invoices"
    PLAN = "plan"


ALL_PAGES: Final = tuple(PageName)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The session that somebody asks for. Without `pages` it may see all; without `locale` it has the browser's."""

    customer: str
    kind: SessionKind
    pages: tuple[PageName, ...] = ()
    locale: str = ""
    ttl: timedelta = TTL_DEFAULT
    reason: str = ""

    def check(self) -> None:
        """Refuse what no session may be. Raises Refused."""
        check_name("customer", self.customer)
        check_name("reason", self.reason)
        if not timedelta(seconds=1) <= self.ttl <= TTL_MAX:
            raise Refused(
                "ttl", Reason.FIELD_INVALID, "a session lives from one second to one hour; make a new one later"
            )
        if self.locale and not _LOCALE.fullmatch(self.locale):
            raise Refused("locale", Reason.FIELD_INVALID, "write a language tag such as en or pt-BR")
        if self.kind is SessionKind.OPERATOR and not self.reason:
            raise Refused("reason", Reason.FIELD_REQUIRED, "say why you look at what the customer sees; it is recorded")


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is kept; times are in UTC. `created_by` is the subject of the token that asked for it."""

    tenant: str
    id: str
    kind: SessionKind
    customer: str
    pages: tuple[PageName, ...]
    locale: str
    reason: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    """End of the secret; once a link was redeemed, end of its cookie."""
    redeemed_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def has_code(self) -> bool:
        """Whether its secret is a code that has to be redeemed."""
        return self.kind is not SessionKind.EMBED

    def ends_at(self) -> datetime:
        """Return when it ends if nobody uses it from now on."""
        if self.redeemed_at is None:
            return self.expires_at
        return min(self.expires_at, (self.last_used_at or self.redeemed_at) + COOKIE_IDLE)

    def is_over(self, now: datetime) -> bool:
        """Whether it has ended, by itself or because it was revoked."""
        return self.revoked_at is not None or now >= self.ends_at()

    def may_see(self, page: PageName) -> bool:
        """Whether it was made for a page."""
        return not self.pages or page in self.pages


def new_secret() -> str:
    """Return a secret that nobody can guess: 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def is_secret(text: str) -> bool:
    """Whether a text can be a secret of ours."""
    return _SECRET.fullmatch(text) is not None


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def begun(tenant: str, session_id: str, wanted: Wanted, created_by: str, now: datetime) -> Session:
    """Return the session that is made as `wanted`."""
    return Session(
        tenant=tenant,
        id=session_id,
        kind=wanted.kind,
        customer=wanted.customer,
        pages=wanted.pages,
        locale=wanted.locale,
        reason=wanted.reason,
        created_by=created_by,
        created_at=now,
        expires_at=now + wanted.ttl,
    )


def redeemed(session: Session, now: datetime) -> Session:
    """Return a link's session as it is once its code was redeemed."""
    return replace(session, redeemed_at=now, last_used_at=now, expires_at=now + COOKIE_LIFE)


def check_alive(session: Session | None, now: datetime) -> Session:
    """Return the session back. Raises Unauthenticated if there is none, or if it is over."""
    if session is None:
        raise Unauthenticated(Reason.TOKEN_INVALID, "the session's token is unknown; ask for a new session")
    if session.revoked_at is not None:
        raise Unauthenticated(Reason.TOKEN_REVOKED, "the session was revoked; ask for a new one")
    if session.is_over(now):
        raise Unauthenticated(Reason.TOKEN_EXPIRED, "the session has ended; ask for a new one")
    return session


def check_may_see(session: Session, page: PageName) -> None:
    """Raise Forbidden unless the session was made for a page."""
    if not session.may_see(page):
        message = f"this session was not made for {page}; ask for one whose views include it"
        raise Forbidden(Reason.SCOPE_MISSING, message)
