"""Findings about prices as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from metering.rating.v1 import rating_service_pb2 as pb
from portal.domain.price_lint import Level, PriceFinding
from portal.wire.values import optional_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEVELS: Final[Mapping[int, Level]] = {
    pb.FINDING_LEVEL_ERROR: "error",
    pb.FINDING_LEVEL_WARNING: "warning",
    pb.FINDING_LEVEL_INFO: "info",
}


def finding_from_proto(message: pb.PriceFinding) -> PriceFinding:
    """Return a finding; one of a level that is not known here, of a newer rating, is worth knowing."""
    return PriceFinding(
        level=_LEVELS.get(message.level, "info"),
        code=message.code,
        plan=message.plan or None,
        item=message.item or None,
        meter=message.meter or None,
        quantity=optional_decimal(message.quantity),
        message=message.message,
    )
