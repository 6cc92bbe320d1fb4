"""Usage as the aggregator tells it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from chassis.errors import Conflict, Reason
from eventlog.as_of import AsOf
from eventlog.wire import (
    as_of_from_answer,
    as_of_from_proto,
    instant_from_proto,
    period_from_proto,
    period_to_proto,
    timestamp,
)
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from money import DERIVED, parse_decimal
from rating.domain.cell_questions import CellQuestion, Questions
from rating.domain.cells import OTHER_VALUE, Cell, Cells, cells_of
from rating.domain.charges import AskedQuantity, CurrentQuantity, MeterUsage, Usage
from rating.domain.meters import KnownMeter

_ADD_UP: Final = {meter_pb2.AGGREGATION_SUM, meter_pb2.AGGREGATION_COUNT}
"""Of these, the quantities of windows and groups add up to that of the whole."""
_WHOLE: Final = {
    meter_pb2.AGGREGATION_COUNT,
    meter_pb2.AGGREGATION_COUNT_UNIQUE,
    meter_pb2.AGGREGATION_LIVE_COUNT,
}
"""These count in whole numbers."""
_GO_ON: Final = {
    meter_pb2.AGGREGATION_DURATION,
    meter_pb2.AGGREGATION_WEIGHTED_SUM,
    meter_pb2.AGGREGATION_PERCENTILE,
    meter_pb2.AGGREGATION_LIVE_COUNT,
    meter_pb2.AGGREGATION_RUNNING_TOTAL,
    meter_pb2.AGGREGATION_FORMULA,
}
"""These are quantities of time that passes, or may be computed from such ones."""


def usage_from_totals(
    response: aggregator_pb.QueryTotalsResponse, questions: Questions = MappingProxyType({})
) -> Usage:
    """Return usage as it is now; `questions` says how meters were to be told apart."""
    return Usage(_meters(response.usage, questions), as_of_from_answer(response.as_of))


def currents_to_proto(asked: Iterable[AskedQuantity]) -> aggregator_pb.QueryCurrentUsageRequest:
    """Return a question for many whole quantities."""
    questions = (
        aggregator_pb.CurrentUsageQuestion(customer=one.customer, meter=one.meter, period=period_to_proto(one.period))
        for one in asked
    )
    return aggregator_pb.QueryCurrentUsageRequest(questions=questions)


def currents_from_proto(response: aggregator_pb.QueryCurrentUsageResponse) -> list[CurrentQuantity]:
    """Return whole quantities from memory, most of which are of the same place in the log."""
    places: dict[bytes, AsOf] = {}
    found = []
    for answer in response.answers:
        place = answer.as_of.SerializeToString()
        as_of = places.get(place)
        if as_of is None:
            as_of = places[place] = as_of_from_answer(answer.as_of)
        quantity = parse_decimal(answer.quantity or "0", DERIVED)
        adds_up = answer.aggregation in _ADD_UP if answer.aggregation else None
        found.append(CurrentQuantity(quantity, answer.unit, as_of, answer.staleness_ms / 1000, adds_up))
    return found


def usage_from_snapshot(snapshot: usage_pb2.UsageSnapshot) -> Usage:
    """Return frozen usage."""
    return Usage(
        meters=_meters(snapshot.usage),
        as_of=as_of_from_proto(snapshot.as_of),
        snapshot_id=snapshot.id,
        amends_snapshot_id=snapshot.amends_snapshot_id,
        traceparent=snapshot.traceparent,
    )


def known_meters(meters: Iterable[meter_pb2.Meter]) -> dict[str, KnownMeter]:
    """Return what is known of meters, by name."""
    return {
        meter.name: KnownMeter(
            unit=meter.spec.unit,
            is_whole=meter.spec.aggregation in _WHOLE,
            group_by=frozenset(meter.spec.group_by),
            adds_up=meter.spec.aggregation in _ADD_UP,
            computed_from=tuple(component.meter for component in meter.spec.formula.components),
        )
        for meter in meters
    }


def meters_described(meters: Iterable[meter_pb2.MeterDescription]) -> dict[str, KnownMeter]:
    """Return what is known of meters from what they measure, by name."""
    return {
        meter.name: KnownMeter(
            unit=meter.unit,
            is_whole=meter.aggregation in _WHOLE,
            group_by=frozenset(meter.group_by),
            adds_up=meter.aggregation in _ADD_UP,
            computed_from=tuple(meter.computed_from),
        )
        for meter in meters
    }


def groups_to_proto(questions: Questions) -> list[aggregator_pb.MeterGroups]:
    """Return how meters are told apart."""
    return [
        aggregator_pb.MeterGroups(meter=meter, group_by=one.group_by, bounds=map(timestamp, one.bounds))
        for meter, one in questions.items()
    ]


def bounds_to_proto(questions: Questions) -> list[aggregator_pb.MeterBounds]:
    """Return where days of meters are cut."""
    return [
        aggregator_pb.MeterBounds(meter=meter, bounds=map(timestamp, one.bounds))
        for meter, one in questions.items()
        if one.bounds
    ]


def cells_from_windows(windows: Iterable[usage_pb2.SnapshotWindow], question: CellQuestion) -> Cells:
    """Return frozen usage by values of properties: its days put together. Raises Conflict."""
    return cells_of(question.by, (_frozen_cell(window, question) for window in windows))


def _frozen_cell(message: usage_pb2.SnapshotWindow, question: CellQuestion) -> Cell:
    start = instant_from_proto(message.window.start)
    if question.bounds and not question.is_of_one_class(window := period_from_proto(message.window)):
        text = (
            f"the snapshot has {message.meter} from {window.start.isoformat()} to {window.end.isoformat()} in one, and "
            "the plan has several prices within: it was sealed for another plan; let the contract have that one then"
        )
        raise Conflict(Reason.TRANSACTION_CONFLICT, text)
    group = [OTHER_VALUE if message.is_other_group else message.group.get(key, "") for key in question.group_by]
    return Cell(
        question.values(group, start),
        parse_decimal(message.quantity, DERIVED),
        message.event_count,
        _optional_decimal(message.billable_quantity),
    )


def _cells(entry: usage_pb2.MeterUsage, question: CellQuestion) -> Cells:
    return cells_of(
        question.by,
        (
            Cell(
                question.values(
                    [OTHER_VALUE if cell.is_other_group else value for value in cell.group],
                    instant_from_proto(cell.start) if cell.HasField("start") else None,
                ),
                parse_decimal(cell.quantity, DERIVED),
                cell.event_count,
                _optional_decimal(cell.billable_quantity),
            )
            for cell in entry.cells
        ),
    )


def _optional_decimal(text: str) -> Decimal | None:
    return parse_decimal(text, DERIVED) if text else None


def _meters(
    usage: Iterable[usage_pb2.MeterUsage], questions: Questions = MappingProxyType({})
) -> dict[str, MeterUsage]:
    return {
        entry.meter: MeterUsage(
            quantity=parse_decimal(entry.quantity or "0", DERIVED),
            unit=entry.unit,
            event_count=entry.event_count,
            adds_up=entry.aggregation in _ADD_UP,
            goes_on=entry.aggregation in _GO_ON,
            rounded=_optional_decimal(entry.billable_quantity),
            cells=_cells(entry, questions[entry.meter]) if entry.meter in questions else None,
        )
        for entry in usage
    }
