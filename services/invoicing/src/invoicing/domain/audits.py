"""Checks the frozen invoices of a tenant: digests, chains, numbers, and that the rows beside the text say the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from invoicing.domain.document import UnreadableDocumentError
from invoicing.domain.invoices import GENESIS_CHAIN, FrozenInvoice, chain_of, digest_of
from invoicing.domain.lines import LineRecord, record_of

PROBLEMS_MAX: Final = 1000


class ProblemCode(StrEnum):
    """What can be wrong with frozen invoices."""

    NUMBER_MISSING = "NUMBER_MISSING"
    CONTENT_CHANGED = "CONTENT_CHANGED"
    CHAIN_BROKEN = "CHAIN_BROKEN"
    CHAIN_WRONG = "CHAIN_WRONG"
    HEAD_DIFFERS = "HEAD_DIFFERS"
    CONTENT_UNREADABLE = "CONTENT_UNREADABLE"
    FILED_ELSEWHERE = "FILED_ELSEWHERE"
    LINES_DIFFER = "LINES_DIFFER"
    SERIES_SHORT = "SERIES_SHORT"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with an invoice or a series.

    `subject` is the invoice number, or the prefix of the series; `expected` and `found` are sequence numbers where one
    is missing.
    """

    code: ProblemCode
    subject: str
    expected: int = 0
    found: int = 0


@dataclass(frozen=True, slots=True)
class SeriesState:
    """How far a series has been checked, or how far it says it is."""

    sequence: int = 0
    chain: bytes = GENESIS_CHAIN


@dataclass(slots=True)
class Audit:
    """Checks invoices in the order of series and number, one at a time; memory stays bounded.

    `claimed` is how far each series said it was before the check began: invoices missing at its end show by it.
    `problems` holds the first of them only, `problem_count` counts all.
    """

    claimed: Mapping[str, SeriesState]
    invoice_count: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)
    _states: dict[str, SeriesState] = field(default_factory=dict)

    def check(self, invoice: FrozenInvoice, rows: Sequence[LineRecord]) -> None:
        """Check one invoice against the one before it in its series, its text, and the rows of its lines."""
        self.invoice_count += 1
        self._states[invoice.prefix], codes = check_next(self._states.get(invoice.prefix, SeriesState()), invoice)
        claimed = self.claimed.get(invoice.prefix)
        if claimed is not None and claimed.sequence == invoice.sequence and claimed.chain != invoice.chain:
            codes = (*codes, Problem(ProblemCode.HEAD_DIFFERS, invoice.number))
        self._add(codes)
        self._add(check_rows(invoice, rows))

    def finish(self) -> None:
        """Say what is missing at the end of each series."""
        for prefix, claimed in sorted(self.claimed.items()):
            last = self._states.get(prefix, SeriesState()).sequence
            if last < claimed.sequence:
                self._add((Problem(ProblemCode.SERIES_SHORT, prefix, expected=claimed.sequence, found=last),))

    @property
    def head_chain(self) -> bytes:
        """The chain hash of the last invoice; of several series SHA-256 over their hashes in the order of prefixes."""
        heads = [state.chain for _, state in sorted(self._states.items())]
        if len(heads) > 1:
            return hashlib.sha256(b"".join(heads)).digest()
        return heads[0] if heads else GENESIS_CHAIN

    def _add(self, found: Sequence[Problem]) -> None:
        self.problem_count += len(found)
        self.problems.extend(found[: PROBLEMS_MAX - len(self.problems)])


def check_next(state: SeriesState, invoice: FrozenInvoice) -> tuple[SeriesState, tuple[Problem, ...]]:
    """Check one invoice against the one before it; return the new state and what is wrong."""
    problems = []
    if invoice.sequence != state.sequence + 1:
        expected = state.sequence + 1
        problems.append(Problem(ProblemCode.NUMBER_MISSING, invoice.number, expected=expected, found=invoice.sequence))
    wrong = {
        ProblemCode.CONTENT_CHANGED: digest_of(invoice.canonical_json) != invoice.digest,
        ProblemCode.CHAIN_BROKEN: invoice.previous_chain != state.chain,
        ProblemCode.CHAIN_WRONG: chain_of(invoice.previous_chain, invoice.digest) != invoice.chain,
    }
    problems += [Problem(code, invoice.number) for code, is_wrong in wrong.items() if is_wrong]
    return SeriesState(invoice.sequence, invoice.chain), tuple(problems)


def check_rows(invoice: FrozenInvoice, rows: Sequence[LineRecord]) -> tuple[Problem, ...]:
    """Compare columns and line rows with the frozen text: by them invoices are found and adjustments computed."""
    try:
        content = invoice.content()
    except UnreadableDocumentError:
        return (Problem(ProblemCode.CONTENT_UNREADABLE, invoice.number),)
    wrong = {
        ProblemCode.FILED_ELSEWHERE: not invoice.is_filed_as(content),
        ProblemCode.LINES_DIFFER: [record_of(line, content.contract) for line in content.lines] != list(rows),
    }
    return tuple(Problem(code, invoice.number) for code, is_wrong in wrong.items() if is_wrong)
