"""Findings about prices as messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from metering.rating.v1 import rating_service_pb2 as pb
from money import format_decimal
from rating.operations.price_lint import LintQuestion
from rating.wire.catalogs import entries_from_proto

if TYPE_CHECKING:
    from rating.domain.price_lint import Finding


def question_from_proto(request: pb.LintPlansRequest) -> LintQuestion:
    """Return which plans are looked at. Raises InvalidRequest for entries that would be refused."""
    entries, faults = entries_from_proto(request.entries)
    faults.raise_any()
    return LintQuestion(request.plans, entries, request.meters)


def findings_to_proto(found: Iterable[Finding]) -> pb.LintPlansResponse:
    """Return what is odd."""
    return pb.LintPlansResponse(findings=map(_finding_to_proto, found))


def _finding_to_proto(finding: Finding) -> pb.PriceFinding:
    return pb.PriceFinding(
        level=pb.FindingLevel.Value(f"FINDING_LEVEL_{finding.level.value}"),
        code=finding.code,
        plan=finding.plan,
        item=finding.item,
        meter=finding.meter,
        quantity="" if finding.quantity is None else format_decimal(finding.quantity),
        message=finding.message,
    )
