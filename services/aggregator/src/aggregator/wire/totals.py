"""Questions for the totals of many customers, as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.domain.usage import TotalsQuestion
from aggregator.wire.usage import groups_from_proto
from eventlog.wire import period_in

if TYPE_CHECKING:
    from metering.aggregator.v1 import aggregator_service_pb2 as pb


def questions_from_proto(message: pb.QueryManyTotalsRequest) -> list[TotalsQuestion]:
    """Return the questions, in order. Raises InvalidRequest."""
    return [
        TotalsQuestion(
            one.customer,
            period_in(one.period, f"questions[{place}].period"),
            groups_from_proto(one.groups, f"questions[{place}].groups"),
        )
        for place, one in enumerate(message.questions)
    ]
