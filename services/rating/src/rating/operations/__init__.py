"""What rating does: one function a use case. Each opens its transactions, asks the domain, and stores what follows."""

from __future__ import annotations

from rating.operations.catalog import (
    apply_catalog,
    apply_contract,
    apply_customer,
    apply_plan,
    apply_product,
    get_customer,
    get_plan,
    list_contracts,
    list_customers,
    list_plans,
    list_products,
)
from rating.operations.deps import Deps
from rating.operations.freezing import charge_events, explain, rate_usage
from rating.operations.live import CHANGES_CONSUMER, live_charges, mark_changed, progress, refresh_claim, take_claims

__all__ = [
    "CHANGES_CONSUMER",
    "Deps",
    "apply_catalog",
    "apply_contract",
    "apply_customer",
    "apply_plan",
    "apply_product",
    "charge_events",
    "explain",
    "get_customer",
    "get_plan",
    "list_contracts",
    "list_customers",
    "list_plans",
    "list_products",
    "live_charges",
    "mark_changed",
    "progress",
    "rate_usage",
    "refresh_claim",
    "take_claims",
]
