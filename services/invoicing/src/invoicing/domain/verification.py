"""Checks the frozen invoices of a tenant: digests, chains, numbers, and that the rows beside the text say the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from invoicing.domain.canonical import chain_of, digest_of
from invoicing.domain.invoice import GENESIS_CHAIN
from invoicing.domain.numbering import invoice_number
from money import DERIVED, format_decimal, parse_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROBLEMS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class FrozenInvoice:
    """What is stored of an invoice: its text and hashes, and the columns by which it is found."""

    number: str
    prefix: str
    sequence: int
    contract: str
    billing_period: str
    customer: str
    canonical_json: bytes
    digest: bytes
    previous_chain: bytes
    chain: bytes


LineRow = tuple[str, ...]
"""The row kept of a line beside the frozen text, as text, in the order of `LINE_KEYS`."""

LINE_KEYS: Final = (
    "id", "kind", "item", "quantity", "amount", "exactAmount", "billingPeriod", "plan", "planVersion", "chargeId",
    "snapshotId", "eventCount", "adjustsLineId", "traceparent",
)  # fmt: skip
"""Keys of a frozen line that are also columns of its row; decimals without needless zeros."""
_DECIMAL_KEYS: Final = frozenset({"quantity", "amount", "exactAmount"})


@dataclass(frozen=True, slots=True)
class SeriesState:
    """How far a series has been checked, or how far it says it is."""

    sequence: int = 0
    chain: bytes = GENESIS_CHAIN


@dataclass(slots=True)
class Audit:
    """Checks invoices in the order of series and number, one at a time; memory stays bounded.

    `claimed` is how far each series said it was before the check began: invoices missing at its end show by it.
    """

    claimed: Mapping[str, SeriesState]
    invoice_count: int = 0
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)
    _states: dict[str, SeriesState] = field(default_factory=dict)

    def check(self, invoice: FrozenInvoice, lines: Sequence[LineRow]) -> None:
        """Check one invoice against the one before it in its series, its text, and the rows of its lines."""
        self.invoice_count += 1
        self._states[invoice.prefix], found = check_next(self._states.get(invoice.prefix, SeriesState()), invoice)
        claimed = self.claimed.get(invoice.prefix)
        if claimed is not None and claimed.sequence == invoice.sequence and claimed.chain != invoice.chain:
            found = (*found, f"{invoice.number}: its chain hash is not the one its series ended with")
        self._add(found)
        self._add(check_rows(invoice, lines))

    def finish(self) -> None:
        """Say what is missing at the end of each series."""
        for prefix, claimed in sorted(self.claimed.items()):
            last = self._states.get(prefix, SeriesState()).sequence
            if last < claimed.sequence:
                self._add((f"series {prefix}: it reached number {claimed.sequence}, but ends with {last}",))
        if self.problem_count > len(self.problems):
            self.problems.append(f"and {self.problem_count - len(self.problems)} more problems")

    @property
    def head_chain(self) -> bytes:
        """The chain hash of the last invoice; of several series SHA-256 over their hashes in the order of prefixes."""
        heads = [state.chain for _, state in sorted(self._states.items())]
        if len(heads) > 1:
            return hashlib.sha256(b"".join(heads)).digest()
        return heads[0] if heads else GENESIS_CHAIN

    def _add(self, found: Sequence[str]) -> None:
        self.problem_count += len(found)
        self.problems.extend(found[: PROBLEMS_MAX - len(self.problems)])


def check_next(state: SeriesState, invoice: FrozenInvoice) -> tuple[SeriesState, tuple[str, ...]]:
    """Check one invoice against the one before it; give the new state and what is wrong, one sentence each."""
    problems: list[str] = []
    if invoice.sequence != state.sequence + 1:
        problems.append(
            f"{invoice.number}: number {state.sequence + 1} of series {invoice.prefix} is missing before it"
        )
    if digest_of(invoice.canonical_json) != invoice.digest:
        problems.append(f"{invoice.number}: its content does not match its digest; it was changed after it was final")
    if invoice.previous_chain != state.chain:
        problems.append(
            f"{invoice.number}: it does not follow the invoice before it; one was changed, added or removed"
        )
    if chain_of(invoice.previous_chain, invoice.digest) != invoice.chain:
        problems.append(f"{invoice.number}: its chain hash does not match its digest")
    return SeriesState(invoice.sequence, invoice.chain), tuple(problems)


def check_rows(invoice: FrozenInvoice, lines: Sequence[LineRow]) -> tuple[str, ...]:
    """Compare the columns and line rows with the frozen text: by them invoices are found and adjustments computed."""
    try:
        document: dict[str, Any] = json.loads(invoice.canonical_json)
        columns = (
            document["number"],
            document["contract"],
            document["billingPeriod"],
            document["customer"],
            document["previousChain"],
        )
        frozen = [_row_of(line) for line in document["lines"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return (f"{invoice.number}: its content is not an invoice",)
    problems: list[str] = []
    stored = (
        invoice_number(invoice.prefix, invoice.sequence),
        invoice.contract,
        invoice.billing_period,
        invoice.customer,
        invoice.previous_chain.hex(),
    )
    if columns != stored or invoice.number != document["number"]:
        problems.append(
            f"{invoice.number}: it is filed under another number, contract, period or customer than it says"
        )
    if frozen != list(lines):
        problems.append(f"{invoice.number}: the rows of its lines are not what it says")
    return tuple(problems)


def _row_of(line: Mapping[str, Any]) -> LineRow:
    return tuple(_plain(str(line.get(key, "")), is_decimal=key in _DECIMAL_KEYS) for key in LINE_KEYS)


def _plain(value: str, *, is_decimal: bool) -> str:
    # The text has the currency's decimal places, the row's NUMERIC is but a number.
    return format_decimal(parse_decimal(value, DERIVED)) if is_decimal else value
