"""What somebody of the seller sees: customers with their bills, and the sessions that are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from portal.domain.invoices import DraftSummary, InvoiceSummary
from portal.domain.sessions import PageName, Session, SessionKind
from portal.domain.views import View


class CustomerRow(View):
    """A customer in the seller's list."""

    key: str
    name: str
    currency: str
    live: DraftSummary | None = Field(description="The live bill; null without a contract in force.")
    last_invoice: InvoiceSummary | None


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


class SessionList(View):
    """A page of sessions that have not ended, the newest first."""

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


def session_row(session: Session) -> SessionRow:
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
    )
