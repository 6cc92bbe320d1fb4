"""Quotes as messages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from chassis.errors import Reason, invalid_field
from chassis.errors.refused import Refused, each_of, refusals
from chassis.text import check_name
from eventlog.wire import period_to_proto
from metering.rating.v1 import rating_service_pb2 as pb
from money import DERIVED, INPUT, ZERO, InvalidDecimalError, format_decimal, format_exact, parse_decimal
from rating.domain.assumed_periods import AssumedPeriod
from rating.domain.billing_period import parse_day
from rating.domain.cells import Cell, cells_of_groups
from rating.domain.discounts import Discount
from rating.domain.plans import NamedPlan
from rating.domain.quotes import AssumedUsage, Question, Quote
from rating.wire.charges import KINDS, cells_to_proto, steps_to_proto, tiers_to_proto
from rating.wire.plans import plan_from_proto
from rating.wire.seats import seats_from_proto
from rating.wire.values import optional_decimal_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rating.domain.cells import Cells
    from rating.domain.plans import PlanDraft
    from rating.domain.seats import SeatCount
    from rating.operations.quotes import QuotedPlan, Quotes


def questions_from_proto(request: pb.QuotePriceRequest) -> list[Question]:
    """Return which items at which quantities. Raises InvalidRequest."""
    return [_question(f"questions[{place}]", question) for place, question in enumerate(request.questions)]


def _question(field: str, question: pb.PriceQuestion) -> Question:
    if not question.groups:
        return Question(question.item, _quantity(f"{field}.quantity", question.quantity))
    with refusals(field):
        cells = _cells_from_proto(question.quantity, question.groups)
        return Question(question.item, cells.counted, cells)


def quotes_to_proto(found: Quotes) -> pb.QuotePriceResponse:
    """Return what the quantities would cost."""
    plan = found.terms.plan
    return pb.QuotePriceResponse(
        quotes=map(quote_to_proto, found.quotes),
        currency=plan.content.currency,
        plan=plan.name,
        plan_version=plan.version,
        billing_period=found.terms.period.label,
        contract=found.terms.contract,
    )


def asked_plan_from_proto(request: pb.QuotePlanRequest | pb.ExplainPlanRequest) -> NamedPlan | PlanDraft:
    """Return which plan is priced. Raises InvalidRequest."""
    if request.HasField("draft"):
        with refusals("draft"):
            return plan_from_proto(request.draft)
    return NamedPlan(request.plan, request.plan_version)


def assumed_period_from_proto(request: pb.QuotePlanRequest) -> AssumedPeriod:
    """Return the period that is assumed. Raises InvalidRequest."""
    period, zone = request.period, request.time_zone or "UTC"
    if not request.HasField("period"):
        return AssumedPeriod(zone)
    with refusals("period"):
        end = parse_day("end", period.end) if period.end else None
        return AssumedPeriod(zone, parse_day("start", period.start), end)


def usage_from_proto(request: pb.QuotePlanRequest) -> list[AssumedUsage]:
    """Return what the meters are assumed to count. Raises InvalidRequest."""
    with refusals():
        return list(each_of("usage", request.usage, _assumed_usage))


def assumed_seats_from_proto(request: pb.QuotePlanRequest) -> list[SeatCount]:
    """Return how many seats are assumed; `date.min` stands for the start of the period. Raises InvalidRequest."""
    with refusals():
        return list(each_of("seats", request.seats, lambda message: seats_from_proto(message, date.min)))


def discounts_from_proto(request: pb.QuotePlanRequest) -> list[Discount]:
    """Return what is assumed to be taken off. Raises InvalidRequest."""
    with refusals():
        return list(each_of("discounts", request.discounts, _discount))


def _discount(assumed: pb.AssumedDiscount) -> Discount:
    sizes = ("percent", "amount", "usage", "usage_percent")
    percent, amount, *units = (optional_decimal_in(name, getattr(assumed, name)) for name in sizes)
    # Of one period, whichever it is.
    return Discount(check_name("name", assumed.name), percent, amount, tuple(assumed.items), date.min, None, *units)


def quoted_plan_to_proto(found: QuotedPlan) -> pb.QuotePlanResponse:
    """Return what a plan would cost."""
    return pb.QuotePlanResponse(
        lines=map(quote_to_proto, found.quote.lines),
        total=format(found.quote.total, "f"),
        currency=found.plan.currency,
        plan=found.name,
        plan_version=found.version,
        period=period_to_proto(found.period),
        time_zone=found.zone,
    )


def _assumed_usage(used: pb.AssumedUsage) -> AssumedUsage:
    if used.events:
        if used.quantity or used.groups:
            raise Refused("events", Reason.FIELD_INVALID, "stand beside a quantity or groups; write one of them")
        return AssumedUsage(used.meter, ZERO, events=each_of("events", used.events, _derived))
    if any(group.events for group in used.groups):
        return AssumedUsage(used.meter, ZERO, event_groups=each_of("groups", used.groups, _event_group))
    if used.groups:
        cells = _cells_from_proto(used.quantity, used.groups)
        return AssumedUsage(used.meter, cells.counted, cells)
    return AssumedUsage(used.meter, _derived(used.quantity))


def _event_group(group: pb.AssumedGroup) -> tuple[dict[str, str], tuple[Decimal, ...]]:
    if group.quantity:
        raise Refused("events", Reason.FIELD_INVALID, "stand beside a quantity; write one of them")
    return dict(group.group), tuple(each_of("events", group.events, _derived))


def _cells_from_proto(quantity: str, groups: Sequence[pb.AssumedGroup]) -> Cells:
    """Return usage by values of properties. Raises Refused."""
    if quantity:
        raise Refused("quantity", Reason.FIELD_INVALID, "stands beside groups, whose sum it is; leave it out")
    by = tuple(dict.fromkeys(key for group in groups for key in sorted(group.group)))
    found = each_of("groups", groups, lambda group: (dict(group.group), Cell((), _derived(group.quantity))))
    return cells_of_groups(by, found)


def _derived(text: str) -> Decimal:
    try:
        return parse_decimal(text, DERIVED)
    except InvalidDecimalError as error:
        raise Refused("quantity", Reason.FIELD_INVALID, error.message) from error


def _quantity(field: str, text: str) -> Decimal:
    """Return a quantity; none stands for zero, since a fixed fee takes none."""
    if not text:
        return ZERO
    try:
        return parse_decimal(text, INPUT, allow_negative=False)
    except InvalidDecimalError as error:
        raise invalid_field(field, Reason.FIELD_INVALID, error.message) from error


def quote_to_proto(quote: Quote) -> pb.PriceQuote:
    """Return what one item would cost."""
    priced = quote.derivation.priced_quantity
    return pb.PriceQuote(
        item=quote.item,
        quantity=format_decimal(quote.quantity),
        exact_amount=format_exact(quote.derivation.amount),
        amount=format(quote.amount, "f"),
        tiers=tiers_to_proto(quote.derivation),
        steps=steps_to_proto(quote.derivation),
        meter=quote.meter,
        kind=KINDS[quote.kind],
        priced_quantity="" if priced is None else format_exact(priced),
        cells=() if quote.cells is None else cells_to_proto(quote.cells),
    )
