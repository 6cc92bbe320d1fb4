"""Cost as messages."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from eventlog.wire import instant_from_proto, timestamp
from metering.rating.v1 import cost_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from portal.domain.cost import CostAnswer, CostPart, CostQuestion, CostRow
from portal.wire.usage import WINDOWS, filters_to_proto
from portal.wire.values import freshness_from_proto

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTS: Final[Mapping[int, CostPart]] = {cost_pb2.CostPart.Value(f"COST_PART_{part.name}"): part for part in CostPart}


def question_to_proto(question: CostQuestion) -> pb.QueryCostRequest:
    """Return the question."""
    return pb.QueryCostRequest(
        contract=question.contract,
        billing_period=question.billing_period,
        items=question.items,
        window_size=WINDOWS[question.window],
        group_by=[question.group_by] if question.group_by else [],
        filters=filters_to_proto(question.filters),
        until=None if question.until is None else timestamp(question.until),
        as_draft=question.as_draft,
    )


def answer_from_proto(message: pb.QueryCostResponse) -> CostAnswer:
    """Return the rows."""
    return CostAnswer(
        rows=[_row(row) for row in message.rows],
        currency=message.currency,
        start=instant_from_proto(message.period.start),
        end=instant_from_proto(message.period.end),
        time_zone=message.time_zone,
        freshness=freshness_from_proto(message.as_of),
        filled=message.filled,
    )


def _row(message: cost_pb2.CostRow) -> CostRow:
    return CostRow(
        item=message.item,
        meter=message.meter,
        part=_PARTS[message.part],
        start=instant_from_proto(message.window.start),
        group=(message.group[0] if message.group else "") if message.is_grouped else None,
        quantity=Decimal(message.quantity) if message.quantity else None,
        unit=message.unit,
        amount=Decimal(message.amount),
        is_other_group=message.is_other_group,
    )
