"""Checks the frozen invoices of a tenant: digests, chains, numbers, and that the rows beside the text say the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from invoicing.domain.document import Invoice, UnreadableDocumentError
from invoicing.domain.invoices import GENESIS_CHAIN, FrozenInvoice, SeriesState, chain_of, digest_of
from invoicing.domain.lines import LineRecord, record_of
from invoicing.domain.lost_numbers import LostNumbers
from invoicing.domain.profiles import BillingProfile

PROBLEMS_MAX: Final = 1000
_NO_PROFILES: Final[Mapping[int, BillingProfile]] = MappingProxyType({})


class ProblemCode(StrEnum):
    """What can be wrong with frozen invoices and their lines."""

    NUMBER_MISSING = "NUMBER_MISSING"
    CONTENT_CHANGED = "CONTENT_CHANGED"
    CHAIN_BROKEN = "CHAIN_BROKEN"
    CHAIN_WRONG = "CHAIN_WRONG"
    HEAD_DIFFERS = "HEAD_DIFFERS"
    CONTENT_UNREADABLE = "CONTENT_UNREADABLE"
    FILED_ELSEWHERE = "FILED_ELSEWHERE"
    LINES_DIFFER = "LINES_DIFFER"
    PROFILE_DIFFERS = "PROFILE_DIFFERS"
    SNAPSHOT_DIFFERS = "SNAPSHOT_DIFFERS"
    SERIES_SHORT = "SERIES_SHORT"
    INVOICE_MISSING = "INVOICE_MISSING"
    LOST_DIFFERS = "LOST_DIFFERS"
    LINE_MISSING = "LINE_MISSING"
    CHARGE_UNPROVEN = "CHARGE_UNPROVEN"
    CHARGE_DIFFERS = "CHARGE_DIFFERS"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    EVENTS_UNPROVEN = "EVENTS_UNPROVEN"
    EVENTS_DIFFER = "EVENTS_DIFFER"


_OF_THE_LINK: Final = frozenset({ProblemCode.NUMBER_MISSING, ProblemCode.CHAIN_BROKEN})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with an invoice, a series or a line.

    `subject` is the invoice number, the prefix of the series, or the id of the line. `expected` and `found` are
    sequence numbers where one is missing, and numbers of events. `detail` is what a neighbor says, for people.
    """

    code: ProblemCode
    subject: str
    expected: int = 0
    found: int = 0
    detail: str = ""


@dataclass(slots=True)
class Audit:
    """Checks invoices in the order of series and number, one at a time; memory stays bounded.

    `claimed` is how far each series said it was before the check began, by each record that is kept of it: invoices
    missing at its end show by it.
    `problems` holds the first problems only, `problem_count` counts all. `lost` are the gaps that are noted.
    """

    claimed: Mapping[str, Sequence[SeriesState]]
    invoice_count: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)
    lost: list[LostNumbers] = field(default_factory=list)
    _states: dict[str, SeriesState] = field(default_factory=dict)

    def check(
        self,
        invoice: FrozenInvoice,
        rows: Sequence[LineRecord],
        profiles: Mapping[int, BillingProfile] = _NO_PROFILES,
        lost: Sequence[LostNumbers] = (),
    ) -> None:
        """Check one invoice against what is before it in its series, its text, the rows of its lines, and its profile.

        `profiles` are the versions of the tenant's billing profile, `lost` the numbers that are noted as lost.
        """
        self.invoice_count += 1
        self._pass_lost(invoice.prefix, lost, before_sequence=invoice.sequence)
        self._states[invoice.prefix], codes = check_next(self._state(invoice.prefix), invoice)
        self._add(codes)
        self._check_end(invoice.prefix, invoice.number)
        self._add(check_rows(invoice, rows, profiles))

    def begin_after(self, prefix: str, before: FrozenInvoice | None) -> None:
        """Begin inside a series, after an invoice; None: with its first number."""
        if before is not None:
            self._states[prefix] = SeriesState(before.sequence, before.chain)

    def check_link(self, prefix: str, following: FrozenInvoice | None, lost: Sequence[LostNumbers] = ()) -> None:
        """Check that the next invoice of a series follows the one before; None: that the series ends there."""
        self._pass_lost(prefix, lost, before_sequence=0 if following is None else following.sequence)
        if following is not None:
            _, problems = check_next(self._state(prefix), following)
            # All else that may be wrong with the next one is no matter of the link to it.
            self._add([problem for problem in problems if problem.code in _OF_THE_LINK])
            return
        self._check_reached(prefix)

    def finish(self, lost: Sequence[LostNumbers] = ()) -> None:
        """Say what is missing at the end of each series; `lost` are the numbers that are noted as lost."""
        for prefix in sorted(self.claimed):
            self._pass_lost(prefix, lost)
            reached = self._check_reached(prefix)
            # Those stated since the check began may follow invoices that it has not seen.
            elsewhere = (gap for gap in lost if gap.prefix == prefix and gap.last_sequence <= reached)
            self.found(ProblemCode.LOST_DIFFERS, [gap.first_number for gap in elsewhere if gap not in self.lost])

    def _check_reached(self, prefix: str) -> int:
        """Return how far a series says it has come, and note it where the check has not come so far."""
        last = self._state(prefix).sequence
        reached = max((claim.sequence for claim in self.claimed.get(prefix, ())), default=0)
        if last < reached:
            self._add((Problem(ProblemCode.SERIES_SHORT, prefix, expected=reached, found=last),))
        return reached

    def _pass_lost(self, prefix: str, lost: Sequence[LostNumbers], before_sequence: int = 0) -> None:
        """Go over the lost numbers that follow in a series, unless an invoice has the number that follows."""
        while (following := self._state(prefix).sequence + 1) != before_sequence:
            gap = next((gap for gap in lost if (gap.prefix, gap.first_sequence) == (prefix, following)), None)
            if gap is None:
                return
            if not gap.is_as_stated or gap.previous_chain != self._state(prefix).chain:
                self.found(ProblemCode.LOST_DIFFERS, [gap.first_number])
            self.lost.append(gap)
            self._states[prefix] = SeriesState(gap.last_sequence, gap.chain)
            self._check_end(prefix, gap.last_number)

    def _state(self, prefix: str) -> SeriesState:
        return self._states.get(prefix, SeriesState())

    def _check_end(self, prefix: str, number: str) -> None:
        """Compare where the check has come to in a series with each record of where it ended."""
        state = self._state(prefix)
        ends = {claim.chain for claim in self.claimed.get(prefix, ()) if claim.sequence == state.sequence}
        if ends - {state.chain}:
            self.found(ProblemCode.HEAD_DIFFERS, [number])

    def found(self, code: ProblemCode, numbers: Sequence[str]) -> None:
        """Add a problem that was found of some invoices by their rows alone."""
        self._add([Problem(code, number) for number in numbers])

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


def check_rows(
    invoice: FrozenInvoice, rows: Sequence[LineRecord], profiles: Mapping[int, BillingProfile] = _NO_PROFILES
) -> tuple[Problem, ...]:
    """Compare columns, line rows and profile with the frozen text: by them invoices are found and made."""
    try:
        content = invoice.content()
    except UnreadableDocumentError:
        return (Problem(ProblemCode.CONTENT_UNREADABLE, invoice.number),)
    wrong = {
        ProblemCode.FILED_ELSEWHERE: not invoice.is_filed_as(content),
        ProblemCode.LINES_DIFFER: not _are_rows_of(content, rows),
        ProblemCode.PROFILE_DIFFERS: not _is_made_by(content, invoice.prefix, profiles),
    }
    return tuple(Problem(code, invoice.number) for code, is_wrong in wrong.items() if is_wrong)


def _are_rows_of(content: Invoice, rows: Sequence[LineRecord]) -> bool:
    """Whether rows say what the lines say; those of an older release don't say their revision."""
    told = [record_of(line, content.contract) for line in content.lines]
    if len(told) != len(rows):
        return False
    return all(
        line == (row if line.revision else replace(row, revision=0)) for line, row in zip(told, rows, strict=True)
    )


def _is_made_by(content: Invoice, prefix: str, profiles: Mapping[int, BillingProfile]) -> bool:
    """Whether the version of the profile that the invoice names says what the invoice says; an older one names none."""
    if content.profile_version < 0:
        return True
    profile = profiles.get(content.profile_version)
    if profile is None:
        return False
    told = (content.seller, prefix, content.grace_s)
    return told == (profile.seller, profile.number_prefix, int(profile.grace.total_seconds()))
