"""Reporting events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.identity import current_identity
from chassis.telemetry import current_span_context
from ingest.domain.backfills import WHOLE_PAST
from ingest.domain.reporters import Reporter
from ingest.intake.gatherer import Call
from ingest.intake.submission import Callers, Origin

if TYPE_CHECKING:
    from ingest.domain.admission import Admission
    from ingest.domain.reports import Reported, ReportResult
    from ingest.operations.deps import Deps


async def report(deps: Deps, tenant: str, reported: Reported) -> ReportResult:
    """Take a batch in: refuse what can't be accepted, write the rest exactly once, say what became of each event.

    Raises Overloaded RATE_LIMITED while the tenant has sent more events than its limit allows.
    """
    if deps.event_rate is not None:
        deps.event_rate.check(tenant)
        deps.event_rate.charge(tenant, len(reported))
    caller = current_identity()
    reporter = Reporter(caller.subject, caller.token_id) if deps.reporters_kept else None
    origin = Origin(current_span_context(), reporter)
    if reported.is_small:
        return await deps.gatherer.report(Call(tenant, reported, origin))
    verdicts = await deps.admitter.take_in(tenant, reported, Callers([origin]))
    return verdicts.of_calls([len(reported)])[0]


async def validate(deps: Deps, tenant: str, reported: Reported, *, whole_past: bool) -> Admission:
    """Say which events of a batch would be refused; nothing is kept.

    `whole_past`: their times are judged as in an open backfill without a period.
    """
    return await deps.admitter.judge(tenant, reported, WHOLE_PAST if whole_past else None)
