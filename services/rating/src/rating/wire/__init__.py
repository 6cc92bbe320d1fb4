"""Proto <-> domain: what comes in is checked here, and what goes out is rendered here."""

from __future__ import annotations

from rating.wire.catalog import (
    contract_from_proto,
    contract_to_proto,
    customer_from_proto,
    customer_to_proto,
    item_to_proto,
    plan_from_proto,
    plan_to_proto,
    product_from_proto,
    product_to_proto,
)
from rating.wire.charges import (
    Change,
    changes_from_segment,
    charge_to_proto,
    grace_from_proto,
    live_response_to_proto,
    rated_response_to_proto,
    usage_from_snapshot,
    usage_from_totals,
)
from rating.wire.refusals import refused_as_invalid_request

__all__ = [
    "Change",
    "changes_from_segment",
    "charge_to_proto",
    "contract_from_proto",
    "contract_to_proto",
    "customer_from_proto",
    "customer_to_proto",
    "grace_from_proto",
    "item_to_proto",
    "live_response_to_proto",
    "plan_from_proto",
    "plan_to_proto",
    "product_from_proto",
    "product_to_proto",
    "rated_response_to_proto",
    "refused_as_invalid_request",
    "usage_from_snapshot",
    "usage_from_totals",
]
