"""Live charges that are sent again when they have become others."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Final

from chassis.postgres import transaction
from chassis.tasks import first_of, wait_or_stop
from rating.domain.contracts import AskedPeriod
from rating.operations.asking import select_period
from rating.operations.charges import ChargesOfPeriod
from rating.operations.deps import Deps
from rating.operations.live import charges_anew

WATCHED_S: Final = 3600.0
"""Longest time that is watched at once: who asks again shows that the token still holds."""


@dataclass(frozen=True, slots=True)
class WatchedCharges:
    """Charges, or how far usage is counted by now while they are those before."""

    answer: ChargesOfPeriod
    is_unchanged: bool = False


async def watch_charges(
    deps: Deps, tenant: str, asked: AskedPeriod, answers_max: int
) -> AsyncGenerator[WatchedCharges, None]:
    """Yield the charges of a period as usage is now, and again whenever they are others, until the service stops.

    It ends after `answers_max` answers; 0 = no limit. Raises as `live_charges` does.
    """
    watching, end_at_s = deps.watching, deps.clock.monotonic_s() + WATCHED_S
    async with transaction(deps.engine) as conn:
        versions, _ = await select_period(conn, tenant, asked, deps.clock.now())
    # Told from here on: what changes while the first answer is made is not missed.
    with watching.of(tenant, versions[-1].content.customer) as changed:
        sent = await charges_anew(deps, tenant, asked)
        yield WatchedCharges(sent)
        answers = 1
        while answers != answers_max and not await first_of(watching.draining, changed, watching.keepalive_s):
            was_told = changed.is_set()
            changed.clear()
            # Also without a change: a plan, or the time that has passed, gives other charges, too.
            answer = await charges_anew(deps, tenant, asked)
            if _differs(answer, sent):
                sent, answers = answer, answers + 1
                yield WatchedCharges(sent)
            elif not was_told:
                yield WatchedCharges(replace(answer, rated=replace(answer.rated, charges=())), is_unchanged=True)
            if deps.clock.monotonic_s() > end_at_s:
                return
            if await wait_or_stop(watching.gather_s, watching.draining, deps.clock.sleep):
                return


def _differs(answer: ChargesOfPeriod, sent: ChargesOfPeriod) -> bool:
    """Whether anything but how far usage is counted is another."""
    now, before = answer.rated, sent.rated
    return now != replace(before, as_of=now.as_of)
