"""The plan and its prices: as agreed, in examples, and as they will be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused, refusals
from money import exact_arithmetic
from portal.domain.examples import quantities_of
from portal.domain.periods import ContractPeriod, before, find
from portal.domain.plans import (
    Agreed,
    ComingChange,
    Effect,
    Example,
    ItemExamples,
    PlanItem,
    PlanPage,
    PriceQuestion,
    Quote,
)
from portal.domain.series import OTHER_LABEL
from portal.operations.periods import found_in, period_of
from portal.operations.seldom import periods_of, price_list_of

if TYPE_CHECKING:
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps


async def get_plan(deps: Deps, viewer: Viewer, billing_period: str) -> PlanPage:
    """Return the plan that prices a period, by default the newest that has begun. Raises NotFound."""
    periods = await periods_of(deps, viewer)
    period = found_in(periods, billing_period, deps)
    page, used = await asyncio.gather(price_list_of(deps, viewer, period), _used_before(deps, periods, period))
    examples, coming = await asyncio.gather(
        _examples(deps, page, period, used), _coming(deps, viewer, periods, period, page)
    )
    return page.model_copy(
        update={
            "agreed": tuple(_labelled_agreed(viewer, one) for one in page.agreed),
            "items": tuple(priced(viewer, item) for item in page.items if viewer.shows_item(item.item)),
            "examples": tuple(one for one in examples if viewer.shows_item(one.item)),
            "coming": coming,
        }
    )


async def quote(deps: Deps, viewer: Viewer, billing_period: str, item: str, quantity: Decimal) -> Quote:
    """Return what a quantity of an item would cost in a period. Raises NotFound and InvalidRequest."""
    period = await period_of(deps, viewer, billing_period)
    page = await price_list_of(deps, viewer, period)
    shown = [one for one in page.items if viewer.shows_item(one.item)]
    found = next((one for one in shown if one.item == item), None)
    with refusals():
        if found is None:
            there = ", ".join(one.item for one in shown)
            raise Refused("item", Reason.FIELD_INVALID, f"the plan has no item {item!r}; it has: {there}")
    (answer,) = await deps.rating.quotes(period.contract, period.billing_period, [PriceQuestion(item, quantity)])
    return Quote(
        item=item,
        label=viewer.item_label(item),
        unit=found.unit,
        quantity=answer.quantity,
        amount=answer.amount,
        exact_amount=answer.exact_amount,
        currency=page.currency,
        steps=answer.steps,
        tiers=answer.tiers,
        price=priced(viewer, found),
    )


def priced(viewer: Viewer, item: PlanItem) -> PlanItem:
    """Return an item with its name for people."""
    return item.model_copy(update={"label": viewer.item_label(item.item)})


def _labelled_agreed(viewer: Viewer, agreed: Agreed) -> Agreed:
    shown = [viewer.item_label(item) for item in agreed.items if viewer.shows_item(item)]
    others = [OTHER_LABEL] if len(shown) < len(agreed.items) else []
    return agreed.model_copy(update={"items": (*shown, *others)})


async def _used_before(deps: Deps, periods: Sequence[ContractPeriod], period: ContractPeriod) -> Mapping[str, Decimal]:
    """Return what each meter counted in the period before; without one, nothing."""
    earlier = before(periods, period)
    return {} if earlier is None else await deps.rating.used(earlier.contract, earlier.billing_period)


async def _examples(
    deps: Deps, page: PlanPage, period: ContractPeriod, used: Mapping[str, Decimal]
) -> tuple[ItemExamples, ...]:
    """Return what a few quantities of each item cost."""
    # Of a price by values a quantity alone is no example.
    items = [item for item in page.items if item.meter and not item.goes_by_values]
    questions = [
        PriceQuestion(item.item, quantity)
        for item in items
        for quantity in quantities_of(item, max(Decimal(0), used.get(item.meter, Decimal(0))))
    ]
    quotes = await deps.rating.quotes(period.contract, period.billing_period, questions)
    return tuple(
        ItemExamples(
            item=item.item,
            examples=tuple(
                Example(quantity=one.quantity, amount=one.amount, is_own=one.quantity == used.get(item.meter))
                for one in quotes
                if one.item == item.item
            ),
        )
        for item in items
    )


async def _coming(
    deps: Deps, viewer: Viewer, periods: Sequence[ContractPeriod], period: ContractPeriod, page: PlanPage
) -> tuple[ComingChange, ...]:
    """Return how prices change after the newest period; of any other one nothing is to come that has not come."""
    if period != find(periods, "", deps.clock.now()):
        return ()
    later = await deps.rating.periods_to_come(viewer.customer, period.contract, period.start)
    units = {item.meter: item.unit for item in page.items}
    pages = await asyncio.gather(*(deps.rating.prices(one.contract, one.billing_period, units) for one in later))
    found: list[ComingChange] = []
    now = page
    for one, then in zip(later, pages, strict=True):
        if (then.plan, then.version) != (now.plan, now.version) and then.items != now.items:
            effect = await _effect(deps, periods, period, page, one, then)
            found.append(_change(viewer, one, now, then, effect))
        now = then
    return tuple(found)


def _change(
    viewer: Viewer, period: ContractPeriod, now: PlanPage, then: PlanPage, effect: Effect | None
) -> ComingChange:
    names = {item.item for item in then.items}
    return ComingChange(
        billing_period=period.billing_period,
        start=period.first_day(),
        plan=then.plan,
        version=then.version,
        items=tuple(
            priced(viewer, item) for item in then.items if item not in now.items and viewer.shows_item(item.item)
        ),
        ended=tuple(
            viewer.item_label(item.item)
            for item in now.items
            if item.item not in names and viewer.shows_item(item.item)
        ),
        effect=effect,
    )


async def _effect(
    deps: Deps,
    periods: Sequence[ContractPeriod],
    period: ContractPeriod,
    page: PlanPage,
    later: ContractPeriod,
    then: PlanPage,
) -> Effect | None:
    """Return what the last whole period would cost at prices of today and to come; None where usage is not known."""
    last = before(periods, period)
    if last is None or then.currency != page.currency:
        return None
    used = await deps.rating.used(last.contract, last.billing_period)
    both = (*page.items, *then.items)
    if any(item.goes_by_values or (item.meter and item.meter not in used) for item in both):
        return None
    today, to_come = await asyncio.gather(
        _cost_of(deps, period, page.items, used), _cost_of(deps, later, then.items, used)
    )
    with exact_arithmetic():
        change = to_come - today
    return Effect(billing_period=last.billing_period, amount=today, amount_to_come=to_come, change=change)


async def _cost_of(
    deps: Deps, period: ContractPeriod, items: Sequence[PlanItem], used: Mapping[str, Decimal]
) -> Decimal:
    questions = [PriceQuestion(item.item, max(Decimal(0), used.get(item.meter, Decimal(0)))) for item in items]
    quotes = await deps.rating.quotes(period.contract, period.billing_period, questions)
    with exact_arithmetic():
        return sum((one.amount for one in quotes), Decimal(0))
