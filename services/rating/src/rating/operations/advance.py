"""What a period takes off of what was billed in advance, and what it bills of the period that follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.advance import is_ahead, taken_off
from rating.domain.billing_period import period_after, period_before
from rating.domain.rated_period import fees_ahead, in_advance
from rating.operations import finding
from rating.store import charges as charge_store

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.billing_period import Schedule
    from rating.domain.charges import Charge, RatedPeriod, Terms
    from rating.domain.contracts import Contract
    from rating.domain.ruling import FrozenPeriod
    from rating.domain.versions import Version


async def find_advance(
    conn: AsyncConnection,
    tenant: str,
    contract: Sequence[Version[Contract]],
    own: Terms,
    first: RatedPeriod | None,
) -> tuple[Charge, ...]:
    """Return what a period has beside its own charges; where it is rated permanently (`first`), what it had then.

    While the period before is not rated, what it will bill in advance is taken to be what the fees cost now. Raises
    NotFound PLAN_NOT_FOUND.
    """
    if first is not None:
        return in_advance(first.charges)
    schedule, label = contract[-1].content.schedule, own.period.label
    code = own.plan.content.currency
    taken: Sequence[Charge] = ()
    before = period_before(schedule, label)
    if before is not None:
        rated = await charge_store.first_rating(conn, tenant, own.contract, before.label)
        taken = fees_ahead(own) if rated is None else _ahead(rated)
    following = period_after(schedule, label)
    if following is None:
        return taken_off(taken, code)
    terms, _ = await finding.find_own_terms(conn, tenant, contract, following)
    return (*taken_off(taken, code), *fees_ahead(terms))


async def check_kept_advance(
    conn: AsyncConnection, tenant: str, contract: str, frozen: Sequence[FrozenPeriod], schedule: Schedule
) -> None:
    """Refuse an end that takes a whole period away that is billed in advance: no invoice could hand it back."""
    if not frozen or period_after(schedule, frozen[-1].period.label) is not None:
        return
    rated = await charge_store.first_rating(conn, tenant, contract, frozen[-1].period.label)
    if rated is not None and _ahead(rated):
        message = (
            f"the period that follows {rated.period.label} is billed in advance, and its own invoice hands back what "
            "is not used; let the contract have at least a day of it"
        )
        raise Refused("end", Reason.CATALOG_CONFLICT, message)


def _ahead(rated: RatedPeriod) -> tuple[Charge, ...]:
    return tuple(charge for charge in in_advance(rated.charges) if is_ahead(charge, rated.period))
