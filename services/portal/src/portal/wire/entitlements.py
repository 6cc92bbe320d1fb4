"""Entitlements as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventlog.wire import instant_from_proto
from metering.rating.v1 import entitlement_pb2 as pb
from portal.domain.entitlements import Entitled, EntitledSource
from portal.wire.values import freshness_from_proto, optional_decimal, span_from_proto

if TYPE_CHECKING:
    from portal.domain.entitlements import SourceKind

_KINDS: Final[dict[int, SourceKind]] = {
    pb.ALLOWANCE_KIND_CARRIED_OVER: "carriedOver",
    pb.ALLOWANCE_KIND_PLAN: "plan",
    pb.ALLOWANCE_KIND_GRANT: "grant",
}


def entitled_from_proto(message: pb.Entitlement) -> Entitled:
    """Return how a feature stands. Raises ValueError for a source of a kind that is not known."""
    freshness = freshness_from_proto(message.as_of)
    return Entitled(
        feature=message.feature,
        contract=message.contract,
        value=message.value,
        meter=message.meter,
        unit=message.unit,
        period=span_from_proto(message.period),
        limit=optional_decimal(message.limit),
        used=optional_decimal(message.used),
        held=optional_decimal(message.held),
        remaining=optional_decimal(message.remaining),
        beyond=optional_decimal(message.beyond),
        is_soft=message.soft,
        sources=tuple(map(_source_from_proto, message.sources)),
        as_of=freshness.as_of,
        complete_until=freshness.complete_until,
    )


def _source_from_proto(message: pb.AllowanceSource) -> EntitledSource:
    if message.kind not in _KINDS:
        name = pb.AllowanceKind.Name(message.kind) if message.kind in pb.AllowanceKind.values() else str(message.kind)
        raise ValueError(f"rating knows an allowance that the portal does not: {name}; run the release of the suite")
    expires_at = instant_from_proto(message.expires_at) if message.HasField("expires_at") else None
    return EntitledSource(_KINDS[message.kind], message.name, optional_decimal(message.remaining), expires_at)
