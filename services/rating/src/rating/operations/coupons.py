"""Coupons: applied as the rest of the catalog is, and redeemed: counted and given to a contract in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import NotFound, Reason
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from rating.domain.contracts import Contract
from rating.domain.coupons import Coupon, Redemption, check_fits, check_redeemable, first_day_of_discount
from rating.domain.versions import Applied, Version, following, unchanged
from rating.operations.contracts import apply_contract
from rating.operations.deps import Deps
from rating.operations.finding import find_contract, find_plan_versions
from rating.store import coupons as store
from rating.store.coupons import COUPONS
from rating.store.versions import lock_entry


@dataclass(frozen=True, slots=True)
class CountedCoupon:
    """A version of a coupon, and how often it was redeemed in all."""

    coupon: Version[Coupon]
    redemption_count: int


@dataclass(frozen=True, slots=True)
class RedeemedCoupon:
    """A redemption, and the version of the contract that has its discount."""

    redemption: Redemption
    contract: Version[Contract]


async def apply_coupon(deps: Deps, conn: AsyncConnection, tenant: str, name: str, wanted: Coupon) -> Applied[Coupon]:
    """Make a coupon what is `wanted`. What was redeemed before keeps its discount, and counts."""
    await lock_entry(conn, "coupon", tenant, name)
    newest = await COUPONS.newest(conn, tenant, name)
    if newest is not None and newest.content == wanted:
        return unchanged(newest)
    applied = following(newest, name, wanted, deps.clock.now())
    await COUPONS.add(conn, tenant, applied.entry)
    return applied


async def counted(conn: AsyncConnection, tenant: str, coupon: Version[Coupon]) -> CountedCoupon:
    """Return a coupon with how often it was redeemed."""
    counts = await store.redemption_counts(conn, tenant, [coupon.name])
    return CountedCoupon(coupon, counts.get(coupon.name, 0))


async def list_coupons(deps: Deps, tenant: str, after: str, limit: int) -> Page[CountedCoupon]:
    """Return a page of coupons by name."""
    async with transaction(deps.engine) as conn:
        found = await COUPONS.page(conn, tenant, after, limit + 1)
        counts = await store.redemption_counts(conn, tenant, [coupon.name for coupon in found])
    listed = [CountedCoupon(coupon, counts.get(coupon.name, 0)) for coupon in found]
    return page_of(listed, limit, lambda one: (one.coupon.name,))


async def list_redemptions(
    deps: Deps, tenant: str, coupon: str, after: str, limit: int
) -> tuple[CountedCoupon, Page[Redemption]]:
    """Return a coupon and a page of its redemptions, oldest first. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        found = await counted(conn, tenant, await _find_coupon(conn, tenant, coupon))
        redemptions: Sequence[Redemption] = await store.redemptions_of(conn, tenant, coupon, after, limit + 1)
    return found, page_of(redemptions, limit, lambda one: (one.id,))


async def redeem_coupon(deps: Deps, conn: AsyncConnection, tenant: str, code: str, contract: str) -> RedeemedCoupon:
    """Redeem a coupon for a contract. Raises NotFound, and InvalidRequest COUPON_NOT_REDEEMABLE or of the contract.

    The coupon is locked before the contract, so redemptions of one coupon are counted one after the other; the
    contract before it is read, so that what is added is added to its newest version.
    """
    await lock_entry(conn, "coupon", tenant, code)
    await lock_entry(conn, "contract", tenant, contract)
    coupon = await _find_coupon(conn, tenant, code)
    newest = (await find_contract(conn, tenant, contract))[-1]
    content, now = newest.content, deps.clock.now()
    today = now.astimezone(ZoneInfo(content.schedule.zone)).date()
    plans = await find_plan_versions(conn, tenant, content.plan)
    redeemed = await store.redeemed(conn, tenant, code, content.customer)
    with refusals():
        check_redeemable(code, coupon.content, today, content.customer, redeemed)
        check_fits(code, coupon.content, [plan.content for plan in plans])
        start = first_day_of_discount(content.schedule, now)
        discount = coupon.content.discount_from(code, start, content.schedule)
        reason = f"coupon {code} was redeemed"
        wanted = replace(content, discounts=(*content.discounts, discount), reason=reason)
    applied = (await apply_contract(deps, conn, tenant, contract, wanted)).applied.entry
    # Numbered under the lock of the coupon: ids are in the order of the redemptions.
    identity = f"{code}.{redeemed.in_all + 1:010d}"
    redemption = Redemption(identity, code, coupon.version, content.customer, contract, applied.version, discount, now)
    await store.add_redemption(conn, tenant, redemption)
    return RedeemedCoupon(redemption, applied)


async def _find_coupon(conn: AsyncConnection, tenant: str, name: str) -> Version[Coupon]:
    found = await COUPONS.newest(conn, tenant, name)
    if found is None:
        raise NotFound(Reason.COUPON_NOT_FOUND, f"there is no coupon {name!r}; list the coupons to see which there are")
    return found
