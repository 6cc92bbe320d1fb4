"""Reservations: decided under one lock of the customer's feature, so that what is held never exceeds what is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chassis.errors import AlreadyExists, InvalidRequest, NotFound, Reason
from chassis.postgres import transaction
from rating.domain.entitlements import Entitled, Verdict, admission
from rating.domain.remembered import EntitlementKey
from rating.domain.reservations import Outcome, Reservation
from rating.operations.entitlements import Checked, counted_now, does_not_add_up, staleness_s
from rating.store import reservations as store

if TYPE_CHECKING:
    from decimal import Decimal

    from sqlalchemy.ext.asyncio import AsyncConnection

    from eventlog.as_of import AsOf
    from rating.operations.deps import Deps


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation, None where nothing is held, and why; with it in what is held."""

    reservation: Reservation | None
    checked: Checked


async def reserve(deps: Deps, tenant: str, wanted: Reservation) -> Reserved:
    """Hold a quantity if so much is left. Raises NotFound, InvalidRequest, AlreadyExists."""
    key = EntitlementKey(tenant, wanted.customer, wanted.feature)
    # Before the lock: who holds more since is seen under it, and a hold that is given up because its event is counted
    # is given up by this very count.
    found = await counted_now(deps, key)
    if isinstance(found, Verdict):
        return Reserved(None, Checked(found, None, None, 0.0))
    if found.counted is None or not found.counted.adds_up:
        raise _counts_nothing(found) if found.counted is None else does_not_add_up(found.feature.meter)
    async with transaction(deps.engine) as conn:
        await store.lock_feature(conn, *key)
        earlier = await store.find_reservation(conn, tenant, wanted.id)
        if earlier is None:
            made, found, verdict = await _decide(deps, conn, key, wanted, found)
        else:
            made, verdict = _the_same(earlier, wanted), Verdict.ALLOWED
    if made is not None:
        deps.entitlements.reserved(key, made)
    standing = found.standing(deps.clock.now())
    return Reserved(made, Checked(verdict, found, standing, staleness_s(deps, found)))


async def _decide(
    deps: Deps, conn: AsyncConnection, key: EntitlementKey, wanted: Reservation, found: Entitled
) -> tuple[Reservation | None, Entitled, Verdict]:
    now = deps.clock.now()
    found = replace(found, reservations=tuple(await store.holding(conn, *key, now)))
    decided = admission(found.feature, found.standing(now), wanted.asked, takes_part=wanted.is_partial)
    if not decided.verdict.allows:
        return None, found, decided.verdict
    made = replace(wanted, quantity=decided.quantity, made_at=now)
    if not await store.add_reservation(conn, key.tenant, made):
        # Under the lock of another customer's feature.
        raise _conflict(wanted.id)
    return made, replace(found, reservations=(*found.reservations, made)), decided.verdict


async def settle(deps: Deps, tenant: str, reservation_id: str, quantity: Decimal, reported: AsOf | None) -> Reservation:
    """Tell what was used of a reservation. Raises NotFound, AlreadyExists."""
    return await _end(deps, tenant, reservation_id, Outcome(quantity, deps.clock.now(), reported))


async def release(deps: Deps, tenant: str, reservation_id: str) -> Reservation:
    """Give back what a reservation holds. Raises NotFound, AlreadyExists."""
    return await _end(deps, tenant, reservation_id, Outcome(None, deps.clock.now()))


async def customer_of_reservation(deps: Deps, tenant: str, reservation_id: str) -> str | None:
    """Return whose a reservation is; None if there is none."""
    async with transaction(deps.engine) as conn:
        found = await store.find_reservation(conn, tenant, reservation_id)
    return None if found is None else found.customer


def reservation_not_found(reservation_id: str) -> NotFound:
    """Return the error for a reservation that does not exist."""
    message = f"there is no reservation {reservation_id!r}; use the id by which it was reserved"
    return NotFound(Reason.RESERVATION_NOT_FOUND, message)


async def _end(deps: Deps, tenant: str, reservation_id: str, outcome: Outcome) -> Reservation:
    async with transaction(deps.engine) as conn:
        found = await store.find_reservation(conn, tenant, reservation_id)
        if found is None:
            raise reservation_not_found(reservation_id)
        await store.lock_feature(conn, tenant, found.customer, found.feature)
        await store.add_outcome(conn, tenant, reservation_id, outcome)
        ended = await store.find_reservation(conn, tenant, reservation_id)
    if ended is None or ended.outcome is None or ended.outcome.quantity != outcome.quantity:
        raise _ended_otherwise(ended or found)
    deps.entitlements.reserved(EntitlementKey(tenant, found.customer, found.feature), ended)
    return ended


def _the_same(earlier: Reservation, wanted: Reservation) -> Reservation:
    if not earlier.same_request(wanted):
        raise _conflict(wanted.id)
    return earlier


def _conflict(reservation_id: str) -> AlreadyExists:
    message = f"{reservation_id!r} stands for a reservation of something else; choose a new id for each"
    return AlreadyExists(Reason.RESERVATION_CONFLICT, message)


def _ended_otherwise(found: Reservation) -> AlreadyExists:
    outcome = found.outcome
    settled = None if outcome is None else outcome.quantity
    how = "was released" if settled is None else f"was settled with {settled:f}"
    message = f"reservation {found.id!r} {how} before; what was used beyond it is reported as usage alone"
    return AlreadyExists(Reason.RESERVATION_CONFLICT, message)


def _counts_nothing(found: Entitled) -> InvalidRequest:
    message = f"feature {found.feature.name!r} counts no usage, so there is nothing to reserve; check it instead"
    return InvalidRequest(Reason.ENTITLEMENT_INVALID, message)
