"""How lines came about, and the events behind them, as messages."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from chassis.rpc.pages import page_token, place_in
from eventlog.wire import instant_from_proto
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import feed_pb2
from money import exact_arithmetic
from portal.domain.invoices import Verified
from portal.domain.lines import Correction, DayValue, Derivation, Evidence, LineEvent
from portal.domain.views import Freshness
from portal.wire.charges import steps_from_proto
from portal.wire.invoices import line_from_proto
from portal.wire.plans import item_from_proto
from portal.wire.values import freshness_from_proto, span_from_proto

if TYPE_CHECKING:
    from metering.invoicing.v1 import invoicing_service_pb2 as service_pb
    from metering.rating.v1 import catalog_pb2
    from metering.rating.v1 import rating_service_pb2 as rating_pb
    from portal.domain.figures import HourOfWeek
    from portal.domain.invoices import Line
    from portal.domain.plans import PlanItem
    from portal.domain.views import Span

_ADDITIVE: Final = frozenset({meter_pb2.AGGREGATION_SUM, meter_pb2.AGGREGATION_COUNT})
_TRACEPARENT_PARTS: Final = 4
_CORRECTIONS: Final[Mapping[int, Correction]] = {
    feed_pb2.ENTRY_KIND_VOID: "void",
    feed_pb2.ENTRY_KIND_REPLACEMENT: "replacement",
}


def derivation_from_proto(message: service_pb.ExplainLineResponse) -> Derivation:
    """Return how a line of an invoice came about, by its charge and its snapshot."""
    charge = message.charge
    line = line_from_proto(message.line)
    evidence = None
    if charge.HasField("snapshot"):
        evidence = Evidence(
            snapshot_id=charge.snapshot.id,
            digest=charge.snapshot.digest.hex(),
            sealed_at=instant_from_proto(charge.snapshot.sealed_at),
            traceparent=message.line.traceparent or None,
        )
    fresh = freshness_from_proto(charge.snapshot.as_of) if evidence else Freshness()
    return Derivation(
        line=line,
        invoice_number=message.invoice_number,
        contract=charge.charge.contract,
        steps=steps_from_proto(charge.charge.steps),
        rounding=tuple(message.steps),
        item=_item_of(line, charge.item) if charge.HasField("item") else None,
        currency=charge.charge.currency,
        days=_days(charge),
        evidence=evidence,
        freshness=fresh,
    )


def draft_derivation_from_proto(message: service_pb.ExplainDraftLineResponse) -> Derivation:
    """Return how a line of a draft comes about, by its live charge."""
    line = line_from_proto(message.line)
    return Derivation(
        line=line,
        invoice_number=None,
        contract=message.charge.contract,
        steps=steps_from_proto(message.charge.steps),
        rounding=tuple(message.steps),
        item=_item_of(line, message.item) if message.HasField("item") else None,
        currency=message.charge.currency,
        days=(),
        evidence=None,
        freshness=freshness_from_proto(message.as_of),
    )


def _item_of(line: Line, message: catalog_pb2.PlanItem) -> PlanItem:
    return item_from_proto(message, {line.meter: line.unit}, {message.product: line.meter})


def verified_from_proto(message: service_pb.VerifyLineResponse) -> Verified:
    """Return what came of counting the events of a line again."""
    return Verified(
        ok=not message.problems,
        problems=tuple(message.problems),
        counted=message.event_count,
        digest=message.snapshot_digest.hex() or None,
        chain=None,
        checked_at=instant_from_proto(message.checked_at),
    )


def _days(charge: rating_pb.ExplainChargeResponse) -> tuple[DayValue, ...]:
    """Return the quantities by day. The windows of a day are those of its groups; none where groups don't add up."""
    aggregations = {usage.meter: usage.aggregation for usage in charge.snapshot.usage}
    adds_up = aggregations.get(charge.charge.meter) in _ADDITIVE
    spans: dict[Span, Decimal] = {}
    with exact_arithmetic():
        for window in charge.windows:
            span = span_from_proto(window.window)
            if span in spans and not adds_up:
                return ()
            spans[span] = spans.get(span, Decimal(0)) + Decimal(window.quantity)
    ordered = sorted(spans.items(), key=lambda one: one[0].start)
    return tuple(DayValue(window=span, quantity=quantity) for span, quantity in ordered)


def event_from_proto(message: usage_pb2.MeteredEvent) -> LineEvent:
    """Return an event with what the meter read of it."""
    event = message.event.event
    return LineEvent(
        time=instant_from_proto(event.time),
        id=event.id,
        source=event.source,
        subject=event.subject,
        value=_signed(message),
        properties=dict(event.properties),
        trace_id=_trace_id(event.traceparent),
        report_trace_id=_trace_id(message.event.accepted_traceparent),
        correction=_CORRECTIONS.get(message.event.kind),
        taken_back=message.event.taken_back_at > 0,
        reason=message.event.reason or None,
    )


def _signed(message: usage_pb2.MeteredEvent) -> str:
    """Return the value as the line has it: an adjustment takes off what was voided since it was billed."""
    if message.event.kind != feed_pb2.ENTRY_KIND_VOID:
        return message.value
    return message.value.removeprefix("-") if message.value.startswith("-") else f"-{message.value}"


def place_to_token(message: usage_pb2.MeteredEvent) -> str:
    """Return what names the page after an event."""
    return page_token(message.event.lane, message.event.position, message.meter)


def place_from_token(token: str) -> usage_pb2.EventPlace | None:
    """Return the place after which a page begins. Raises InvalidRequest."""
    place = place_in(token, [int, int, str])
    return None if place is None else usage_pb2.EventPlace(lane=place[0], position=place[1], meter=place[2])


def _trace_id(traceparent: str) -> str | None:
    parts = traceparent.split("-")
    return parts[1] if len(parts) == _TRACEPARENT_PARTS else None


def hour_to_proto(hour: HourOfWeek | None) -> aggregator_pb.HourOfWeek | None:
    """Return an hour of the week, if there is one."""
    return None if hour is None else aggregator_pb.HourOfWeek(weekday=hour.weekday, hour=hour.hour)
