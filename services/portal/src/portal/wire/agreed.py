"""Discounts and commitments of a contract, as rating tells them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from portal.domain.plans import Agreed
from portal.wire.values import optional_decimal

if TYPE_CHECKING:
    from metering.rating.v1 import catalog_pb2


def agreed_from_proto(contract: catalog_pb2.ContractSpec, since: date) -> tuple[Agreed, ...]:
    """Return what rules on a day, or later, in the order of the contract."""
    found = [*_discounts(contract), *_commitments(contract)]
    return tuple(one for one in found if one.until is None or one.until > since)


def _discounts(contract: catalog_pb2.ContractSpec) -> list[Agreed]:
    return [
        Agreed(
            kind="Discount",
            name=one.name,
            percent=optional_decimal(one.percent),
            amount=optional_decimal(one.amount),
            usage=optional_decimal(one.usage),
            usage_percent=optional_decimal(one.usage_percent),
            items=tuple(one.items),
            start=date.fromisoformat(one.start or contract.start),
            until=date.fromisoformat(one.until) if one.until else None,
        )
        for one in contract.discounts
    ]


def _commitments(contract: catalog_pb2.ContractSpec) -> list[Agreed]:
    return [
        Agreed(
            kind="Commitment",
            name=one.name,
            amount=optional_decimal(window.amount),
            items=tuple(one.items),
            start=date.fromisoformat(window.start),
            until=date.fromisoformat(window.until),
        )
        for one in contract.commitments
        for window in one.schedule
    ]
