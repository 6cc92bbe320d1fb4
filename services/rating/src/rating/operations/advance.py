"""What a period takes off of what was billed in advance, and what it bills of the period that follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.advance import is_ahead, taken_off
from rating.domain.billed import as_billed
from rating.domain.billing_period import period_after, period_before, period_labelled
from rating.domain.rated_period import fees_ahead, in_advance, own_fees
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

    While the period before is not rated, what it will bill in advance is taken to be what the fees cost now. Where a
    restore has lost how the period was rated, it has what it was billed with: the contract may have changed since, so
    each of its versions is tried, the newest first. Raises NotFound PLAN_NOT_FOUND.
    """
    if first is not None:
        return in_advance(first.charges)
    if own.billed is None:
        taken = await _taken(conn, tenant, contract, own)
        return (*taken, *await _following(conn, tenant, contract, own.period.label))
    known = [contract[:count] for count in range(len(contract), 0, -1)]
    taken_by = dict.fromkeys([await _taken(conn, tenant, versions, own) for versions in known])
    ahead_by = dict.fromkeys([await _following(conn, tenant, versions, own.period.label) for versions in known])
    return as_billed(own_fees(own), [(*taken, *ahead) for taken in taken_by for ahead in ahead_by], own.billed)


async def _taken(
    conn: AsyncConnection, tenant: str, contract: Sequence[Version[Contract]], own: Terms
) -> tuple[Charge, ...]:
    """Return what a period takes off of what the one before it bills, by some versions of the contract."""
    schedule, code = contract[-1].content.schedule, own.plan.content.currency
    before = period_before(schedule, own.period.label)
    if before is None:
        return ()
    rated = await charge_store.first_rating(conn, tenant, own.contract, before.label)
    if rated is not None:
        return taken_off(_ahead(rated), code)
    period = period_labelled(schedule, own.period.label)
    if own.billed is None or period is None:
        return taken_off(fees_ahead(own), code)
    terms, _ = await finding.find_own_terms(conn, tenant, contract, period)
    return taken_off(fees_ahead(terms), code)


async def _following(
    conn: AsyncConnection, tenant: str, contract: Sequence[Version[Contract]], label: str
) -> tuple[Charge, ...]:
    """Return what a period bills of the one that follows it, by some versions of the contract."""
    following = period_after(contract[-1].content.schedule, label)
    if following is None:
        return ()
    terms, _ = await finding.find_own_terms(conn, tenant, contract, following)
    return fees_ahead(terms)


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
