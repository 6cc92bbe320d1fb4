"""What quantities would cost, at the prices of a contract or of a plan that nobody has yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors.refused import refusals
from chassis.postgres import transaction
from rating.domain.assumed_periods import AssumedPeriod, assumed_period, share_of_month
from rating.domain.assumed_seats import with_seats
from rating.domain.billing_period import BillingPeriod
from rating.domain.charges import Terms
from rating.domain.contracts import AskedPeriod
from rating.domain.discounts import Discount
from rating.domain.plans import NamedPlan, Plan, PlanDraft
from rating.domain.quotes import AssumedUsage, PlanQuote, Question, Quote, quoted, quoted_plan
from rating.domain.seats import SeatCount
from rating.operations.asking import select_period
from rating.operations.deps import Deps
from rating.operations.finding import find_terms
from rating.operations.plans import find_asked_plan


@dataclass(frozen=True, slots=True)
class Quotes:
    """Quotes by the terms of a period, in the order of the questions."""

    terms: Terms
    quotes: Sequence[Quote]


@dataclass(frozen=True, slots=True)
class QuotedPlan:
    """What a plan would cost in a period; `name` is empty and `version` 0 for one that is only written down."""

    name: str
    version: int
    plan: Plan
    period: BillingPeriod
    zone: str
    quote: PlanQuote


async def quote_price(deps: Deps, tenant: str, asked: AskedPeriod, questions: Sequence[Question]) -> Quotes:
    """Price quantities by the terms of a period, which may be one to come. Raises NotFound, InvalidRequest."""
    async with transaction(deps.engine) as conn:
        versions, period = await select_period(conn, tenant, asked, deps.clock.now())
        terms = await find_terms(conn, tenant, versions, period)
    with refusals():
        return Quotes(terms, quoted(terms.plan_at(deps.clock.now()).content, questions))


async def quote_plan(
    deps: Deps,
    tenant: str,
    asked: NamedPlan | PlanDraft,
    assumed: AssumedPeriod,
    usage: Sequence[AssumedUsage],
    discounts: Sequence[Discount] = (),
    seats: Sequence[SeatCount] = (),
) -> QuotedPlan:
    """Price assumed usage by a plan, less assumed discounts.

    Raises NotFound for the plan or a product of it, InvalidRequest.
    """
    with refusals():
        period = assumed_period(assumed, deps.clock.now())
    async with transaction(deps.engine) as conn:
        name, version, plan = await find_asked_plan(conn, tenant, asked, period.start)
    with refusals():
        share = with_seats(share_of_month(assumed), period, assumed.zone, seats, plan)
        quote = quoted_plan(plan, usage, share, discounts)
    return QuotedPlan(name, version, plan, period, assumed.zone, quote)
