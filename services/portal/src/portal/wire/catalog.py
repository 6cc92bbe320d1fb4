"""Plans and contracts of the catalog as messages."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from eventlog.wire import instant_from_proto
from portal.domain.catalog import KnownContract, PlanVersion
from portal.wire.plans import item_from_proto

if TYPE_CHECKING:
    from metering.rating.v1 import catalog_pb2


def plan_from_proto(message: catalog_pb2.Plan) -> PlanVersion:
    """Return a version of a plan; units of its items are not known here."""
    spec = message.spec
    return PlanVersion(
        name=message.name,
        version=message.version,
        currency=spec.currency,
        description=spec.description,
        effective_from=instant_from_proto(spec.effective_from) if spec.HasField("effective_from") else None,
        created_at=instant_from_proto(message.created_at),
        is_coming=False,
        items=tuple(item_from_proto(item, {}, {}) for item in spec.items),
    )


def contract_from_proto(message: catalog_pb2.Contract) -> KnownContract:
    """Return a contract."""
    spec = message.spec
    return KnownContract(
        name=message.name,
        customer=spec.customer,
        plan=spec.plan,
        plan_version=spec.plan_version,
        start=date.fromisoformat(spec.start),
        end=date.fromisoformat(spec.end) if spec.end else None,
        effective_from=date.fromisoformat(spec.effective_from) if spec.effective_from else None,
    )
