"""What counts towards the commitments of a contract: the other periods of their windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import NotReady, Reason
from chassis.side_by_side import each
from money import ZERO, currency
from rating.domain.billed import Billed
from rating.domain.billing_period import BillingPeriod, period_labelled
from rating.domain.charges import RatedPeriod, Terms
from rating.domain.commitments import CountedPeriod, DueCommitment, Promise, promises, with_counted
from rating.domain.contracts import Contract
from rating.domain.discounts import ruling as discounts_ruling
from rating.domain.plans import Plan
from rating.domain.rated_period import net_of, printed_by_item, rate_period
from rating.domain.versions import Version
from rating.operations.deps import Deps
from rating.operations.finding import find_plan, find_terms
from rating.operations.usage import usage_now
from rating.store import charges as charge_store


async def find_committed_terms(
    conn: AsyncConnection,
    tenant: str,
    contract: Sequence[Version[Contract]],
    period: BillingPeriod,
    billed: Billed | None = None,
) -> Terms:
    """Return the terms of a period as `find_terms` does, with its commitments.

    `pending` are the terms of earlier periods of their windows that are not rated permanently.
    """
    terms = await find_terms(conn, tenant, contract, period, billed)
    content, name = contract[-1].content, contract[-1].name
    unit = currency(terms.plan.content.currency)
    found = promises(content.commitments, content.schedule, period, unit)
    if not found:
        return terms
    labels = list(dict.fromkeys(label for promise in found for label in promise.labels if label != period.label))
    frozen = await charge_store.latest_ratings(conn, tenant, ((name, label) for label in labels))
    plans = {
        key: (await find_plan(conn, tenant, *key)).content for key in {plan_of_bounds(one) for one in frozen.values()}
    }
    due = tuple(
        DueCommitment(
            promise,
            period.label,
            tuple(
                counted(promise, frozen[name, label], plans[plan_of_bounds(frozen[name, label])], content)
                for label in promise.labels
                if label != period.label and (name, label) in frozen
            ),
        )
        for promise in found
    )
    pending = []
    for label in labels:
        other = period_labelled(content.schedule, label)
        if other is not None and other.start < period.start and (name, label) not in frozen:
            pending.append(await find_terms(conn, tenant, contract, other))
    return replace(terms, commitments=due, pending=tuple(pending))


def counted(promise: Promise, rated: RatedPeriod, plan: Plan, contract: Contract) -> CountedPeriod:
    """Return what a period that is rated permanently counts towards a promise."""
    discounts = discounts_ruling(contract.discounts, rated.period, contract.schedule.zone)
    net = net_of(rated.charges, promise.commitment.items, discounts, plan)
    printed = printed_by_item(rated.charges, rated.currency)
    return CountedPeriod(rated.period.label, rated.snapshot_id, net, printed.get(promise.commitment.line, ZERO))


async def counted_in_full(deps: Deps, terms: Terms) -> Terms:
    """Return terms whose pending periods count as usage is now. Raises NotFound as `usage_now`, and of rating them."""
    if not terms.pending:
        return terms
    pending = sorted(terms.pending, key=lambda one: one.period.start)

    async def rated_now(one: Terms) -> RatedPeriod:
        return rate_period(one, await usage_now(deps, one))

    rated = await each(rated_now, pending)

    def filled(due: DueCommitment) -> DueCommitment:
        items = due.promise.commitment.items
        nets = {
            one.period.label: net_of(now.charges, items, one.discounts, one.closing_plan.content)
            for one, now in zip(pending, rated, strict=True)
        }
        return with_counted(due, nets, currency(terms.plan.content.currency))

    return replace(terms, commitments=tuple(map(filled, terms.commitments)), pending=())


def check_nothing_pending(terms: Terms) -> None:
    """Raise NotReady where an earlier period of a window has to be rated permanently first."""
    if terms.pending:
        first = min(terms.pending, key=lambda one: one.period.start).period.label
        message = (
            f"period {first} of contract {terms.contract!r} counts towards a commitment and is not rated permanently; "
            f"finalize it before {terms.period.label}"
        )
        raise NotReady(Reason.PERIOD_OPEN, message)


def plan_of_bounds(rated: RatedPeriod) -> tuple[str, int]:
    """Return the plan whose bounds hold for a period, and its version: that of its last part."""
    last = rated.segments[-1] if rated.segments else rated
    return last.plan, last.plan_version
