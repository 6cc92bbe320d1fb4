"""Prices by values of properties as messages: a matrix, or a model for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused, all_of, each_of, inside
from chassis.text import check_name
from metering.rating.v1 import catalog_pb2
from money import format_decimal
from rating.domain.pricing.each_event import EachEvent, each_event_of
from rating.domain.pricing.matrix import Condition, Matrix, MatrixRow
from rating.domain.pricing.per_key import PerKey
from rating.domain.pricing.spread import Ladder
from rating.wire.models import model_to_proto, usage_model_from_proto
from rating.wire.values import decimal_in

if TYPE_CHECKING:
    from decimal import Decimal

    from rating.domain.pricing.model import PriceModel
    from rating.domain.pricing.spread import Spread

# Left out means own, and is not told where it was left out.
_LADDERS: Final = {
    Ladder.OWN: catalog_pb2.LADDER_UNSPECIFIED,
    Ladder.TOTAL: catalog_pb2.LADDER_TOTAL,
}


def spread_from_proto(usage: catalog_pb2.UsagePrice) -> tuple[Spread | None, PriceModel]:
    """Return how usage is spread over parts, and its model, or that of what no row has. Raises Refused."""
    is_of_events = usage.scope == catalog_pb2.PRICE_SCOPE_EVENT
    ladder = Ladder.TOTAL if usage.ladder == catalog_pb2.LADDER_TOTAL else Ladder.OWN
    if usage.WhichOneof("model") != "matrix":
        model = usage_model_from_proto(usage)
        spread = PerKey(tuple(usage.per_key), ladder) if usage.per_key else None
        if spread is None and usage.ladder:
            raise Refused("ladder", Reason.PRICE_INVALID, "is for a matrix or perKey; leave it out")
        return (each_event_of(spread) if is_of_events or model.needs_events else spread), model
    if usage.per_key:
        text = "stands beside matrix; name the property in its by, with a row for each value"
        raise Refused("per_key", Reason.PRICE_INVALID, text)
    with inside("matrix"):
        matrix, model = _matrix_from_proto(usage.matrix, ladder)
    return (each_event_of(matrix) if is_of_events else matrix), model


def spread_to_proto(spread: Spread, model: PriceModel) -> dict[str, Any]:
    """Return the fields of a usage price that say how usage is spread, and its model."""
    if isinstance(spread, EachEvent):
        inner = model_to_proto(model) if spread.inner is None else spread_to_proto(spread.inner, model)
        return {**inner, "scope": catalog_pb2.PRICE_SCOPE_EVENT}
    ladder = _LADDERS[spread.ladder]
    if not isinstance(spread, Matrix):
        return {**model_to_proto(model), "per_key": list(spread.by), "ladder": ladder}
    otherwise = MatrixRow((), model, spread.otherwise_included)
    matrix = catalog_pb2.MatrixPrice(
        by=spread.by, rows=map(_row_to_proto, spread.rows), otherwise=_row_to_proto(otherwise)
    )
    return {"matrix": matrix, "ladder": ladder}


def _matrix_from_proto(message: catalog_pb2.MatrixPrice, ladder: Ladder) -> tuple[Matrix, PriceModel]:
    rows, otherwise = all_of(
        lambda: each_of("rows", message.rows, _row_from_proto), lambda: _otherwise_from_proto(message)
    )
    return Matrix(tuple(message.by), ladder, rows, otherwise.included), otherwise.model


def _otherwise_from_proto(message: catalog_pb2.MatrixPrice) -> MatrixRow:
    if not message.HasField("otherwise"):
        raise Refused("otherwise", Reason.FIELD_REQUIRED, 'say what all other values cost; perUnit: "0" is nothing')
    with inside("otherwise"):
        row = _row_from_proto(message.otherwise)
        if row.when:
            raise Refused("when", Reason.PRICE_INVALID, "otherwise is for all that no row has; leave it out")
        return row


def _row_from_proto(message: catalog_pb2.MatrixRow) -> MatrixRow:
    when, model, included = all_of(
        lambda: each_of("when", message.when, _condition_from_proto),
        lambda: usage_model_from_proto(message),
        lambda: _optional_decimal("included", message.included),
    )
    return MatrixRow(when, model, included)


def _optional_decimal(field: str, text: str) -> Decimal | None:
    return decimal_in(field, text) or None if text else None


def _condition_from_proto(message: catalog_pb2.MatrixCondition) -> Condition:
    check_name("property", message.property)
    return Condition(message.property, tuple(message.values), tuple(message.prefixes))


def _row_to_proto(row: MatrixRow) -> catalog_pb2.MatrixRow:
    when = [catalog_pb2.MatrixCondition(property=one.key, values=one.values, prefixes=one.prefixes) for one in row.when]
    model = model_to_proto(row.model)
    included = "" if row.included is None else format_decimal(row.included)
    return catalog_pb2.MatrixRow(when=when, included=included, **model)
