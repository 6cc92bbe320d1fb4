"""What somebody of the seller sees: customers with their bills, and the sessions that are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from portal.domain.invoices import DraftSummary, Invoice, InvoiceSummary
from portal.domain.sessions import PageName, Session, SessionKind
from portal.domain.views import Amount, View


class Flag(StrEnum):
    """What somebody should look at."""

    NO_CONTRACT = "noContract"
    """No contract is in force, so nothing is billed."""
    ADJUSTED = "adjusted"
    """The live bill or the last invoice has lines that adjust earlier ones."""
    CREDIT = "credit"
    """The seller owes the customer the amount of the last invoice."""


class CustomerRow(View):
    """A customer in the seller's list."""

    key: str
    name: str
    currency: str
    live: DraftSummary | None = Field(
        description="The live bill; without a contract in force the draft of the last period; null where that is final."
    )
    last_invoice: InvoiceSummary | None
    trend: tuple[Amount, ...] = Field(description="Totals of the last twelve invoices, the oldest first.")
    complete_until: datetime | None = Field(
        description="All that was accepted by this time is in the live bill; null where that is not known."
    )
    flags: tuple[Flag, ...]


class CustomerList(View):
    """A page of customers by key."""

    customers: tuple[CustomerRow, ...]
    next: str | None = Field(description="What to send as `after` for the next page; null on the last.")


class SessionRow(View):
    """A session in the seller's list."""

    id: str
    kind: SessionKind
    customer: str
    views: tuple[PageName, ...] = Field(description="Pages that it was made for; none = all.")
    reason: str
    created_by: str
    created_at: datetime
    ends_at: datetime
    last_used_at: datetime | None
    redeemed_at: datetime | None = Field(description="When its link was opened; null = not yet, or it has none.")
    revoked_at: datetime | None
    is_over: bool


class SessionList(View):
    """A page of sessions, the newest first."""

    sessions: tuple[SessionRow, ...]
    next: str | None = Field(description="What to send as `after` for the next page; null on the last.")


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer of the catalog."""

    key: str
    name: str
    currency: str


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """Customers by key, and what names the page after them; empty on the last."""

    customers: Sequence[KnownCustomer]
    next: str


class SessionToMake(View):
    """A session that somebody of the seller asks for, to look at what a customer sees."""

    customer: str
    kind: SessionKind
    reason: str = Field(default="", description="Why; required for the kind `operator`. It is recorded.")


class MadeSession(View):
    """A session and its secret, which is told once."""

    id: str
    token: str | None = Field(description="For the kind `embed`: the bearer token.")
    url: str | None = Field(description="For the others: the address to open, once.")


def flags_of(live: Invoice | None, last: InvoiceSummary | None, *, is_in_force: bool) -> tuple[Flag, ...]:
    """Return what somebody should look at."""
    is_adjusted = live is not None and any(line.kind == "adjustment" for line in live.lines)
    found = {
        Flag.NO_CONTRACT: not is_in_force,
        Flag.ADJUSTED: is_adjusted or (last is not None and last.has_adjustments),
        Flag.CREDIT: last is not None and last.is_credit,
    }
    return tuple(flag for flag, holds in found.items() if holds)


def session_row(session: Session, now: datetime) -> SessionRow:
    """Return what the list shows of a session."""
    return SessionRow(
        id=session.id,
        kind=session.kind,
        customer=session.customer,
        views=session.pages,
        reason=session.reason,
        created_by=session.created_by,
        created_at=session.created_at,
        ends_at=session.ends_at(),
        last_used_at=session.last_used_at,
        redeemed_at=session.redeemed_at,
        revoked_at=session.revoked_at,
        is_over=session.is_over(now),
    )
