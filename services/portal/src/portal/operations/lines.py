"""How a line came about, the events behind it, and whether they still add up to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chassis.errors import NotFound, Reason
from chassis.errors.refused import Refused, refusals
from portal.domain.buckets import cut, zone_named
from portal.domain.invoices import Invoice, Line, Verified
from portal.domain.lines import DayValue, EventPage, ExplainedLine, LineEvent, LineEvents, MeteredSpan
from portal.domain.usage import UsageQuestion
from portal.operations.invoices import DRAFT
from portal.operations.periods import period_of
from portal.operations.plans import priced

if TYPE_CHECKING:
    from portal.domain.lines import Derivation
    from portal.domain.periods import ContractPeriod
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps

EVENTS_MAX: Final = 500
"""Most events of one page."""


@dataclass(frozen=True, slots=True)
class LineName:
    """Which line: by the number of its invoice and its id, or by the draft of a period and the id in it."""

    number: str
    line_id: str
    billing_period: str = ""

    @property
    def is_of_draft(self) -> bool:
        """Whether it is a line of a draft."""
        return self.number == DRAFT

    def check(self) -> None:
        """Raise NotFound if the line can't be one of the invoice."""
        if not self.is_of_draft and self.line_id.rpartition(".")[0] != self.number:
            raise line_not_found(self.line_id)


async def explain_line(deps: Deps, viewer: Viewer, name: LineName) -> ExplainedLine:
    """Return a line with all that leads to its amount. Raises NotFound."""
    name.check()
    derivation = await _derivation(deps, viewer, name)
    days = await _days(deps, viewer, derivation.line, name.billing_period) if name.is_of_draft else derivation.days
    line = derivation.line.model_copy(update={"label": viewer.item_label(derivation.line.item)})
    return ExplainedLine(
        as_of=derivation.freshness.as_of,
        complete_until=derivation.freshness.complete_until,
        line=line,
        invoice_number=derivation.invoice_number,
        price=None if derivation.item is None else priced(viewer, derivation.item),
        steps=derivation.steps,
        tiers=line.tiers,
        rounding=derivation.rounding,
        event_count=line.event_count,
        days=days,
        evidence=derivation.evidence,
    )


async def list_line_events(deps: Deps, viewer: Viewer, name: LineName, after: str, limit: int) -> LineEvents:
    """Return a page of the events behind a line. Raises NotFound and InvalidRequest."""
    name.check()
    check_page(limit)
    line, page = await _events(deps, viewer, name, after, limit)
    return LineEvents(
        events=tuple(shown_to(viewer, event) for event in page.events), next=page.next or None, total=line.event_count
    )


async def verify_line(deps: Deps, name: LineName) -> Verified:
    """Count the events behind a line again. Raises NotFound: a draft has nothing to be compared with."""
    name.check()
    if name.is_of_draft:
        raise line_not_found(name.line_id)
    return await deps.invoicing.verify_line(name.line_id)


def check_page(limit: int) -> None:
    """Refuse a page of more events than one may have. Raises InvalidRequest."""
    if not 1 <= limit <= EVENTS_MAX:
        with refusals():
            raise Refused("limit", Reason.FIELD_INVALID, f"ask for 1 to {EVENTS_MAX} events, and for more by `after`")


def line_not_found(line_id: str) -> NotFound:
    """Return the error for a line that does not exist."""
    return NotFound(Reason.LINE_NOT_FOUND, f"there is no such line {line_id!r}; choose one of the invoice")


async def _derivation(deps: Deps, viewer: Viewer, name: LineName) -> Derivation:
    if not name.is_of_draft:
        return await deps.invoicing.explain(name.line_id)
    period = await period_of(deps, viewer, name.billing_period)
    return await deps.invoicing.explain_draft(period.contract, period.billing_period, name.line_id)


async def _days(deps: Deps, viewer: Viewer, line: Line, billing_period: str) -> tuple[DayValue, ...]:
    """Return what is counted now for a line of a draft, day by day; nothing for a fixed fee."""
    if not line.meter:
        return ()
    period = await period_of(deps, viewer, billing_period)
    question = UsageQuestion(line.meter, line.period.start, line.period.end, period.time_zone, window="day")
    answer = await deps.aggregator.usage(viewer.customer, question)
    with refusals():
        buckets = cut(line.period.start, line.period.end, "day", zone_named(period.time_zone))
    ends = {bucket.start: bucket for bucket in buckets}
    return tuple(DayValue(window=ends[row.start], quantity=row.quantity) for row in answer.rows)


async def _events(deps: Deps, viewer: Viewer, name: LineName, after: str, limit: int) -> tuple[Line, EventPage]:
    if not name.is_of_draft:
        invoice = await deps.invoicing.invoice(name.number)
        return _line_in(invoice, name.line_id), await deps.invoicing.line_events(name.line_id, after, limit)
    period = await period_of(deps, viewer, name.billing_period)
    draft = await deps.invoicing.preview(period.contract, period.billing_period)
    line = _line_in(draft, name.line_id)
    if not line.meter:
        return line, EventPage((), "")
    span = _metered(line, period)
    page = await deps.aggregator.metered_events(viewer.customer, span, after, limit)
    if line.kind != "adjustment":
        return line, page
    # What is listed is all that counts of its period by now, and not only what came late.
    question = UsageQuestion(span.meter, span.start, span.end, period.time_zone)
    answer = await deps.aggregator.usage(viewer.customer, question)
    return line.model_copy(update={"event_count": sum(row.event_count for row in answer.rows)}), page


def _line_in(invoice: Invoice, line_id: str) -> Line:
    found = next((line for line in invoice.lines if line.id == line_id), None)
    if found is None:
        raise line_not_found(line_id)
    return found


def _metered(line: Line, period: ContractPeriod) -> MeteredSpan:
    """Return what is counted for a line of a draft: an adjustment keeps its own service period."""
    if line.kind == "adjustment":
        return MeteredSpan(line.meter, line.period.start, line.period.end)
    return MeteredSpan(line.meter, period.start, period.end)


def shown_to(viewer: Viewer, event: LineEvent) -> LineEvent:
    """Return an event without the properties that the seller hides, nor what it says of corrections among its own."""
    kept = {name: value for name, value in event.properties.items() if viewer.shows_property(name)}
    reason = event.reason if viewer.profile.shows_correction_reasons else None
    return event.model_copy(update={"properties": kept, "reason": reason})
