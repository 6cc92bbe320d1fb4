"""What an audit found, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventlog.wire import timestamp
from invoicing.domain.audits import ProblemCode
from invoicing.wire.lost_numbers import lost_to_proto
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from money import format_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from invoicing.domain.audits import Audit, Problem
    from invoicing.domain.line_checks import CheckedLine
    from invoicing.operations.audits import CheckedInvoice

_LOST_MAX: Final = 1000
_SENTENCES: Final[Mapping[ProblemCode, str]] = {
    ProblemCode.NUMBER_MISSING: "{subject}: number {expected} of its series is missing before it",
    ProblemCode.CONTENT_CHANGED: (
        "{subject}: its content does not match its digest; it was changed after it was finalized"
    ),
    ProblemCode.CHAIN_BROKEN: (
        "{subject}: it does not follow the invoice before it; one was changed, added or removed"
    ),
    ProblemCode.CHAIN_WRONG: "{subject}: its chain hash does not match its digest",
    ProblemCode.HEAD_DIFFERS: "{subject}: its chain hash is not the one its series ended with",
    ProblemCode.CONTENT_UNREADABLE: "{subject}: its content is not an invoice",
    ProblemCode.FILED_ELSEWHERE: (
        "{subject}: it is filed under another number, contract, period, customer or time than it says"
    ),
    ProblemCode.LINES_DIFFER: "{subject}: the rows of its lines are not what it says",
    ProblemCode.PROFILE_DIFFERS: (
        "{subject}: the billing profile it was made by does not say what it says; the profile was changed or removed"
    ),
    ProblemCode.SNAPSHOT_DIFFERS: "{subject}: another snapshot than its lines bill is recorded as billed",
    ProblemCode.INVOICE_MISSING: "{subject}: it is gone, but rows of its lines are there",
    ProblemCode.LOST_DIFFERS: "{subject}: it is noted as lost, but the note was changed or is out of place",
    ProblemCode.SERIES_SHORT: "series {subject}: it reached number {expected}, but ends with {found}",
    ProblemCode.LINE_MISSING: "{subject}: there is a row of it, but its invoice has no such line",
    ProblemCode.CHARGE_UNPROVEN: "{subject}: its charge is not proven: {detail}",
    ProblemCode.CHARGE_DIFFERS: "{subject}: it says something else than the charge that it bills",
    ProblemCode.AMOUNT_DIFFERS: "{subject}: its amount does not follow from its exact charge",
    ProblemCode.EVENTS_UNPROVEN: "{subject}: its events are not proven: {detail}",
    ProblemCode.EVENTS_DIFFER: "{subject}: {found} events were counted again, and it says {expected}",
}


def audit_to_proto(audit: Audit) -> pb.VerifyInvoicesResponse:
    """Return the result of an audit, one sentence per problem."""
    sentences = [sentence_of(problem) for problem in audit.problems]
    if audit.problem_count > len(sentences):
        sentences.append(f"and {audit.problem_count - len(sentences)} more problems")
    return pb.VerifyInvoicesResponse(
        invoice_count=audit.invoice_count,
        head_chain=audit.head_chain,
        problems=sentences,
        lost_numbers=map(lost_to_proto, audit.lost[:_LOST_MAX]),
    )


def sentence_of(problem: Problem) -> str:
    """Return a problem in words."""
    return _SENTENCES[problem.code].format(
        subject=problem.subject, expected=problem.expected, found=problem.found, detail=problem.detail
    )


def invoice_check_to_proto(checked: CheckedInvoice) -> pb.VerifyInvoiceResponse:
    """Return the result of the check of one invoice."""
    return pb.VerifyInvoiceResponse(
        problems=map(sentence_of, checked.problems),
        digest=checked.digest,
        chain=checked.chain,
        checked_at=timestamp(checked.checked_at),
        line_count=checked.line_count,
    )


def line_check_to_proto(checked: CheckedLine) -> pb.VerifyLineResponse:
    """Return the result of the check of one line."""
    return pb.VerifyLineResponse(
        problems=map(sentence_of, checked.problems),
        event_count=checked.event_count,
        quantity="" if checked.quantity is None else format_decimal(checked.quantity),
        snapshot_digest=checked.snapshot_digest,
        checked_at=timestamp(checked.checked_at),
    )
