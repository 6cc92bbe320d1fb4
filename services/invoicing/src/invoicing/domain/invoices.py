"""A final invoice as it is kept: its frozen text, its hashes, and the columns by which it is found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from chassis.errors import Diverged, Reason
from eventlog.labels import days_of_label, month_label
from invoicing.domain import document
from invoicing.domain.accounts import Account, filed_under
from invoicing.domain.document import Invoice, InvoiceKind
from invoicing.domain.numbering import invoice_number

GENESIS_CHAIN: Final = bytes(32)
"""Chain hash before the first invoice of a series."""


@dataclass(frozen=True, slots=True)
class SeriesState:
    """Where a series ends, how far it says it is, or how far it has been checked."""

    sequence: int = 0
    chain: bytes = GENESIS_CHAIN


@dataclass(frozen=True, slots=True)
class FrozenInvoice:
    """What is stored of an invoice. Rows of releases that did not know the currency have none beside the text.

    `filed_under` is the contract, or for a closing invoice the account (`accounts.filed_under`). `finalized_at` is that
    of its row; None where it is not looked at. `month` is the one that it belongs to (`month_of`).
    """

    number: str
    prefix: str
    sequence: int
    filed_under: str
    billing_period: str
    customer: str
    canonical_json: bytes
    digest: bytes
    previous_chain: bytes
    chain: bytes
    currency: str = ""
    finalized_at: datetime | None = None
    month: str = ""

    @property
    def is_as_finalized(self) -> bool:
        """Whether text, hashes and columns are what was frozen, as far as the invoice alone can tell."""
        try:
            content = self.content()
        except document.UnreadableDocumentError:
            return False
        hashes = digest_of(self.canonical_json), chain_of(self.previous_chain, self.digest)
        return hashes == (self.digest, self.chain) and self.is_filed_as(content)

    def is_filed_as(self, content: Invoice) -> bool:
        """Whether the columns by which the invoice is found say what its text says."""
        names = ("number", "billing_period", "customer", "previous_chain")
        return (
            content.number == invoice_number(self.prefix, self.sequence)
            and self.filed_under == filed_under(content.contract, Account(content.customer, content.currency))
            and self.currency in ("", content.currency)
            and self.finalized_at in (None, content.finalized_at)
            and self.month in ("", month_of(content))
            and all(getattr(self, name) == getattr(content, name) for name in names)
        )

    def content(self) -> Invoice:
        """Return what the frozen text says. Raises UnreadableDocumentError if it is not an invoice."""
        return document.read(self.canonical_json)


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """Which invoices are listed, and in which order; empty texts and None narrow nothing.

    `from_month` and `until_month` are the first and the last month that they belong to.
    """

    customer: str = ""
    billing_period: str = ""
    from_month: str = ""
    until_month: str = ""
    kind: InvoiceKind | None = None
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Where an invoice stands in a list: by series and number; `finalized_at` only where the newest come first."""

    prefix: str = ""
    sequence: int = 0
    finalized_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The next place in a series: what a number is made of, and the chain hash of the invoice before."""

    prefix: str
    sequence: int
    previous_chain: bytes

    @property
    def number(self) -> str:
        """The invoice number. Example: `INV-000017`."""
        return invoice_number(self.prefix, self.sequence)


def freeze(content: Invoice, place: Place) -> FrozenInvoice:
    """Return `content` as the final invoice at `place`."""
    content = replace(content, number=place.number, previous_chain=place.previous_chain)
    text = document.write(content)
    digest = digest_of(text)
    return FrozenInvoice(
        number=content.number,
        prefix=place.prefix,
        sequence=place.sequence,
        filed_under=filed_under(content.contract, Account(content.customer, content.currency)),
        billing_period=content.billing_period,
        customer=content.customer,
        canonical_json=text,
        digest=digest,
        previous_chain=place.previous_chain,
        chain=chain_of(place.previous_chain, digest),
        currency=content.currency,
        finalized_at=content.finalized_at,
        month=month_of(content),
    )


def month_of(content: Invoice) -> str:
    """Return the month that an invoice belongs to, such as "2013-01".

    It is the one of its label. A quarter or a week may begin in several: there it is that of the first day of its
    period or, of a closing invoice, of its label.
    """
    days = days_of_label(content.billing_period)
    if days is None or month_label(days[0]) == content.billing_period:
        return content.billing_period
    if content.kind is InvoiceKind.CLOSING:
        return month_label(days[0])
    return month_label(content.period.start.astimezone(ZoneInfo(content.time_zone)).date())


def proven(invoice: FrozenInvoice) -> FrozenInvoice:
    """Return `invoice` if it is what was finalized; raise Diverged DATA_CORRUPTED if it was changed."""
    if invoice.is_as_finalized:
        return invoice
    message = (
        f"invoice {invoice.number} is not what was finalized, so it is not shown; follow the runbook data-corrupted"
    )
    raise Diverged(Reason.DATA_CORRUPTED, message)


def digest_of(canonical_json: bytes) -> bytes:
    """Return the hash of the frozen text of an invoice."""
    return hashlib.sha256(canonical_json).digest()


def chain_of(previous_chain: bytes, digest: bytes) -> bytes:
    """Return the chain hash of an invoice from that of the one before and its own digest."""
    return hashlib.sha256(previous_chain + digest).digest()
