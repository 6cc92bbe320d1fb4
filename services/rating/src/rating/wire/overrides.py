"""Overrides of contracts as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.text import check_name
from metering.rating.v1 import catalog_pb2
from money import format_decimal
from rating.domain.billing_period import parse_day
from rating.domain.overrides import Override
from rating.wire.plans import price_from_proto, price_to_proto
from rating.wire.values import decimal_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rating.domain.billing_period import Schedule


def override_from_proto(message: catalog_pb2.ContractOverride, schedule: Schedule) -> Override:
    """Return an override; without a first day it rules from the start of the contract. Raises Refused."""
    change = message.WhichOneof("change")
    is_multiplier = change == "multiplier"
    return Override(
        check_name("item", message.item),
        None if is_multiplier else price_from_proto(message, change),
        decimal_in("multiplier", message.multiplier) if is_multiplier else None,
        parse_day("start", message.start) if message.start else schedule.start,
        parse_day("until", message.until) if message.until else None,
    )


def overrides_to_proto(overrides: Iterable[Override]) -> list[catalog_pb2.ContractOverride]:
    """Return the messages of overrides that a contract names; discounts in units are told as what they are."""
    return [override_to_proto(each) for each in overrides if each.units_off is None]


def override_to_proto(override: Override) -> catalog_pb2.ContractOverride:
    """Return the message of an override."""
    message = catalog_pb2.ContractOverride(
        item=override.item,
        start=override.start.isoformat(),
        until="" if override.until is None else override.until.isoformat(),
        **({} if override.price is None else price_to_proto(override.price)),
    )
    if override.multiplier is not None:
        message.multiplier = format_decimal(override.multiplier)
    return message
