"""Quotes as messages."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from chassis.errors import Reason, invalid_field
from metering.rating.v1 import rating_service_pb2 as pb
from money import INPUT, ZERO, InvalidDecimalError, format_decimal, parse_decimal
from rating.domain.quotes import Question, Quote
from rating.wire.charges import steps_to_proto, tiers_to_proto

if TYPE_CHECKING:
    from rating.operations.quotes import Quotes


def questions_from_proto(request: pb.QuotePriceRequest) -> list[Question]:
    """Return which items at which quantities. Raises InvalidRequest."""
    return [
        Question(question.item, _quantity(f"questions[{place}].quantity", question.quantity))
        for place, question in enumerate(request.questions)
    ]


def quotes_to_proto(found: Quotes) -> pb.QuotePriceResponse:
    """Return what the quantities would cost."""
    plan = found.terms.plan
    return pb.QuotePriceResponse(
        quotes=map(_quote_to_proto, found.quotes),
        currency=plan.content.currency,
        plan=plan.name,
        plan_version=plan.version,
        billing_period=found.terms.period.label,
        contract=found.terms.contract,
    )


def _quantity(field: str, text: str) -> Decimal:
    """Return a quantity; none stands for zero, since a fixed fee takes none."""
    if not text:
        return ZERO
    try:
        return parse_decimal(text, INPUT, allow_negative=False)
    except InvalidDecimalError as error:
        raise invalid_field(field, Reason.FIELD_INVALID, error.message) from error


def _quote_to_proto(quote: Quote) -> pb.PriceQuote:
    return pb.PriceQuote(
        item=quote.item,
        quantity=format_decimal(quote.quantity),
        exact_amount=format_decimal(quote.derivation.amount),
        amount=format(quote.amount, "f"),
        tiers=tiers_to_proto(quote.derivation),
        steps=steps_to_proto(quote.derivation),
    )
