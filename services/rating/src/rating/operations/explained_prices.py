"""The prices of a plan in plain words, with worked examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors.refused import refusals
from chassis.postgres import transaction
from rating.domain.explained_prices import ExplainedItem, explained_bounds, explained_plan
from rating.domain.plans import NamedPlan, PlanDraft
from rating.operations.deps import Deps
from rating.operations.plans import find_asked_plan


@dataclass(frozen=True, slots=True)
class ExplainedPlan:
    """A plan in words; `name` is empty and `version` 0 for one that is only written down."""

    name: str
    version: int
    currency: str
    items: Sequence[ExplainedItem]
    bounds: Sequence[str] = ()


async def explain_plan(deps: Deps, tenant: str, asked: NamedPlan | PlanDraft, items: Sequence[str]) -> ExplainedPlan:
    """Explain items of a plan, or all. Raises NotFound for the plan or a product of it, InvalidRequest."""
    async with transaction(deps.engine) as conn:
        name, version, plan = await find_asked_plan(conn, tenant, asked)
    units = {name: meter.unit for name, meter in (await deps.aggregator.meters()).items()}
    with refusals():
        explained = explained_plan(plan, units, items)
    bounds = () if items else explained_bounds(plan.bounds, plan.currency)
    return ExplainedPlan(name, version, plan.currency, explained, bounds)
