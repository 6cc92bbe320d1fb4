"""Seats as messages: what they cost, and how many a contract has."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused, inside
from chassis.text import check_name
from metering.rating.v1 import catalog_pb2
from rating.domain.billing_period import parse_day
from rating.domain.pricing.price import Price
from rating.domain.pricing.seats import SeatChange, SeatRule
from rating.domain.seats import SeatCount
from rating.wire.models import model_from_proto, model_to_proto

_CHANGES: Final = {
    catalog_pb2.SEAT_CHANGE_PRORATED: SeatChange.PRORATED,
    catalog_pb2.SEAT_CHANGE_NEXT_PERIOD: SeatChange.NEXT_PERIOD,
}
_NUMBERS: Final = {change: number for number, change in _CHANGES.items()}
_USUAL: Final = SeatRule()


def seats_price_from_proto(message: catalog_pb2.SeatsPrice) -> Price:
    """Return what seats cost. Raises Refused."""
    with inside("seats"):
        kind = message.WhichOneof("price")
        if kind is None:
            text = "say what they cost, by one of: perUnit, graduated, volume, package, stairstep"
            raise Refused("price", Reason.FIELD_REQUIRED, text)
        increase = _CHANGES.get(message.increase, _USUAL.increase)
        decrease = _CHANGES.get(message.decrease, _USUAL.decrease)
        return Price(model_from_proto(kind, message), seats=SeatRule(increase, decrease))


def seats_price_to_proto(price: Price, rule: SeatRule) -> dict[str, Any]:
    """Return what seats cost as the one field of an item that has it; what holds anyway is left out."""
    changes = {
        field: _NUMBERS[is_now]
        for field, is_now, usual in (
            ("increase", rule.increase, _USUAL.increase),
            ("decrease", rule.decrease, _USUAL.decrease),
        )
        if is_now is not usual
    }
    return {"seats": {**model_to_proto(price.model), **changes}}


def seats_from_proto(message: catalog_pb2.ContractSeats, start: date) -> SeatCount:
    """Return how many seats there are from a day on, from `start` if it says none. Raises Refused."""
    day = parse_day("start", message.start) if message.start else start
    return SeatCount(check_name("item", message.item), day, message.count)


def seats_to_proto(count: SeatCount) -> catalog_pb2.ContractSeats:
    """Return the message of a count."""
    return catalog_pb2.ContractSeats(item=count.item, start=count.start.isoformat(), count=count.count)
