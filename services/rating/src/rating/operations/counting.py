"""What entitlements have used, counted by the aggregator: many in one question."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from chassis.errors import InvalidRequest, NotFound
from chassis.identity import acting_for
from chassis.postgres import transaction
from eventlog.as_of import AsOf
from eventlog.period import Period
from money import ZERO
from rating.domain.charges import AskedQuantity
from rating.domain.entitlements import Counted, Entitled
from rating.domain.remembered import with_noted
from rating.store import reservations as reservation_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rating.domain.allowance import Stretch
    from rating.domain.remembered import EntitlementKey, Remembered
    from rating.operations.deps import Deps


async def count_again(deps: Deps, known: Mapping[EntitlementKey, Remembered]) -> None:
    """Read again what entitlements of one tenant used in their last stretch, and what is held of them.

    Raises MeterlineError; they are then as old as they were.
    """
    counted = {key: kept for key, kept in known.items() if isinstance(kept.found, Entitled) and kept.found.counted}
    if not counted:
        return
    await _count_again(deps, counted, deps.clock.monotonic_s())


async def count_with_others(deps: Deps, key: EntitlementKey, kept: Remembered) -> None:
    """Do the same for one entitlement, with all that are asked for while another question is under way.

    Where usage is followed late, every answer needs this: alone, each would make the others later.
    """
    asked_s = deps.clock.monotonic_s()

    async def ask(known: Sequence[tuple[EntitlementKey, Remembered]]) -> None:
        with acting_for(key.tenant):
            await count_again(deps, dict(known))

    try:
        await deps.counting.ask(key.tenant, (key, kept), ask)
    except (NotFound, InvalidRequest):
        # One of the others may be asked for wrongly by now.
        await count_again(deps, {key: kept})
        return
    if kept.counted_s < asked_s:
        # It was remembered anew meanwhile, and that one was counted.
        await count_again(deps, {key: kept})


async def _count_again(deps: Deps, known: Mapping[EntitlementKey, Remembered], began_s: float) -> None:
    found = {key: kept.found for key, kept in known.items() if isinstance(kept.found, Entitled)}
    tenant = next(iter(found)).tenant
    with ExitStack() as stack:
        readings = {key: stack.enter_context(deps.entitlements.reading(key)) for key in found}
        used = await usage_in(deps, [(key.customer, one.allowance.stretch) for key, one in found.items()])
        async with transaction(deps.engine) as conn:
            features = [(key.customer, key.feature) for key in found]
            holds = await reservation_store.holding_of(conn, tenant, features, deps.clock.now())
    for (key, before), now in zip(found.items(), used, strict=True):
        kept = known[key]
        # Another reading that began later may have ended before.
        if kept.counted_s <= began_s:
            counted = replace(now, adds_up=before.counted is not None and before.counted.adds_up)
            held = with_noted(holds.get((key.customer, key.feature), ()), readings[key].reservations)
            kept.found, kept.counted_s = replace(before, counted=counted, reservations=held), began_s


async def usage_in(deps: Deps, asked: Sequence[tuple[str, Stretch]]) -> list[Counted]:
    """Return what customers used in stretches, in order; nothing where a feature counts nothing."""
    began_s = deps.clock.monotonic_s()
    questions = [
        AskedQuantity(customer, stretch.of.feature.meter, Period(stretch.start, stretch.end))
        for customer, stretch in asked
        if stretch.of.feature is not None and stretch.of.feature.meter
    ]
    answers = iter(await deps.aggregator.currents(questions) if questions else ())
    found = []
    for _, stretch in asked:
        if stretch.of.feature is None or not stretch.of.feature.meter:
            found.append(Counted(ZERO, "", AsOf(), began_s, adds_up=False))
            continue
        one = next(answers)
        found.append(Counted(one.quantity, one.unit, one.as_of, began_s - one.staleness_s, one.adds_up))
    return found
