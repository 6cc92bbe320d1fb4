"""Checks a series of frozen invoices: every digest, the chain, and that no number is missing."""

from __future__ import annotations

from dataclasses import dataclass

from invoicing.domain.canonical import chain_of, digest_of
from invoicing.domain.invoice import GENESIS_CHAIN


@dataclass(frozen=True, slots=True)
class FrozenInvoice:
    """What is stored of an invoice that can be checked without anything else."""

    number: str
    prefix: str
    sequence: int
    canonical_json: bytes
    digest: bytes
    previous_chain: bytes
    chain: bytes


@dataclass(frozen=True, slots=True)
class SeriesState:
    """How far a series has been checked."""

    sequence: int = 0
    chain: bytes = GENESIS_CHAIN


def check_next(state: SeriesState, invoice: FrozenInvoice) -> tuple[SeriesState, tuple[str, ...]]:
    """Check one invoice against the one before it; give the new state and what is wrong, one sentence each."""
    problems: list[str] = []
    if invoice.sequence != state.sequence + 1:
        problems.append(f"{invoice.number}: number {state.sequence + 1} of series {invoice.prefix} is missing before it")
    if digest_of(invoice.canonical_json) != invoice.digest:
        problems.append(f"{invoice.number}: its content does not match its digest; it was changed after it was final")
    if invoice.previous_chain != state.chain:
        problems.append(f"{invoice.number}: it does not follow the invoice before it; one was changed, added or removed")
    if chain_of(invoice.previous_chain, invoice.digest) != invoice.chain:
        problems.append(f"{invoice.number}: its chain hash does not match its digest")
    return SeriesState(invoice.sequence, invoice.chain), tuple(problems)
