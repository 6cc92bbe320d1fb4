"""Entitlements over the wire, beside a fake aggregator."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import AlreadyExists, InvalidRequest, NotFound, Reason
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import values_pb2
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import entitlement_pb2 as pb
from testkit.wait import eventually

FEE = cat.PlanItem(name="Fee", fixed=cat.FixedFee(amount="5"))
FEATURES = [
    cat.Feature(name="sso"),
    cat.Feature(name="region", value="eu-central"),
    cat.Feature(name="calls", meter="calls", limit="100"),
    cat.Feature(name="minutes", meter="minutes", limit="10", soft=True),
]


@pytest.fixture
def user(rating: Any, usage: Any) -> Any:
    usage.aggregations.update(calls=meter_pb2.AGGREGATION_SUM, minutes=meter_pb2.AGGREGATION_SUM)
    return rating.user(scopes=("read", "admin", "report"))


async def agree(catalog: Any, *features: cat.Feature) -> None:
    await catalog.plan(FEE, features=features or FEATURES)
    await catalog.customer()
    await catalog.contract()


async def check(user: Any, feature: str, quantity: str = "") -> Any:
    return await user("CheckEntitlement", pb.CheckEntitlementRequest(customer="UA", feature=feature, quantity=quantity))


async def reserve(user: Any, name: str, quantity: str, **more: Any) -> Any:
    request = pb.ReserveUsageRequest(reservation=name, customer="UA", feature="calls", quantity=quantity, **more)
    return await user("ReserveUsage", request)


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_plan_says_what_may_be_used(catalog: Any, user: Any) -> None:
    await agree(catalog)

    sso, region, nothing = [await check(user, name) for name in ("sso", "region", "other")]

    assert (sso.allowed, region.allowed, region.entitlement.value) == (True, True, "eu-central")
    assert (nothing.allowed, nothing.verdict) == (False, pb.ENTITLEMENT_VERDICT_NO_FEATURE)
    with pytest.raises(NotFound) as unknown:
        await user("CheckEntitlement", pb.CheckEntitlementRequest(customer="nobody", feature="sso"))
    assert unknown.value.reason is Reason.CUSTOMER_NOT_FOUND


async def test_usage_counts_against_the_limit_soft_or_hard(catalog: Any, user: Any, usage: Any) -> None:
    await agree(catalog)
    usage.report("UA", "calls", now(), "97.5")
    usage.report("UA", "minutes", now(), "12")

    fits, exceeds, soft = [
        await check(user, *asked) for asked in (("calls", "2.5"), ("calls", "2.6"), ("minutes", "1"))
    ]

    stands = fits.entitlement
    assert (stands.limit, stands.used, stands.remaining, stands.unit) == ("100", "97.5", "2.5", "call")
    assert (fits.allowed, exceeds.allowed) == (True, False)
    assert exceeds.verdict == pb.ENTITLEMENT_VERDICT_LIMIT_REACHED
    assert (soft.allowed, soft.verdict) == (True, pb.ENTITLEMENT_VERDICT_ALLOWED_BEYOND_LIMIT)
    assert (soft.entitlement.beyond, soft.entitlement.remaining) == ("2", "0")


async def test_checks_are_answered_from_memory_and_follow_usage(catalog: Any, user: Any, usage: Any) -> None:
    await agree(catalog)
    await check(user, "calls")
    usage.asked.clear()
    for _ in range(20):
        assert (await check(user, "calls")).entitlement.used == "0"
    assert usage.asked.count("QueryCurrentUsage") <= 1

    usage.report("UA", "calls", now(), "60")

    async def follows() -> bool:
        return str((await check(user, "calls")).entitlement.used) == "60"

    await eventually(follows)


async def test_who_asks_at_the_same_time_has_it_read_once(catalog: Any, user: Any, usage: Any) -> None:
    await agree(catalog)
    usage.report("UA", "calls", now(), "60")
    usage.asked.clear()

    answers = await asyncio.gather(*(check(user, "calls") for _ in range(30)))

    assert {answer.entitlement.used for answer in answers} == {"60"}
    # Once for all of them, and once more for what the change feed had not told yet.
    assert usage.asked.count("QueryCurrentUsage") <= 2


async def test_a_changed_plan_is_known_at_once(catalog: Any, user: Any) -> None:
    await agree(catalog, cat.Feature(name="calls", meter="calls", limit="1"))
    assert not (await check(user, "calls", "5")).allowed

    start = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=40)
    spec = cat.PlanSpec(currency="USD", items=[FEE], features=[cat.Feature(name="calls", meter="calls", limit="9")])
    spec.effective_from.FromDatetime(start)
    await catalog.plan(FEE, features=spec.features, effective_from=spec.effective_from)

    assert (await check(user, "calls", "5")).allowed


async def test_parallel_reservations_never_exceed_what_is_left(catalog: Any, user: Any, usage: Any) -> None:
    await agree(catalog)
    usage.report("UA", "calls", now(), "50")

    answers = await asyncio.gather(*(reserve(user, f"r{number}", "5") for number in range(15)))

    assert sum(answer.allowed for answer in answers) == 10
    assert (await check(user, "calls")).entitlement.held == "50"
    partial = await reserve(user, "part", "5", partial=True)
    assert (partial.allowed, partial.entitlement.remaining) == (False, "0")


async def test_a_reservation_holds_until_its_usage_is_counted(catalog: Any, user: Any, usage: Any) -> None:
    await agree(catalog)
    assert (await reserve(user, "r", "30")).reservation.quantity == "30"
    reported = values_pb2.AsOf(epoch=usage.as_of().epoch, lanes=[values_pb2.LanePosition(lane=0, position=1)])

    request = pb.SettleReservationRequest(reservation="r", quantity="25", reported=reported)
    settled = await user("SettleReservation", request)
    again = await user("SettleReservation", request)

    assert (settled.reservation.state, settled.reservation.settled_quantity) == (pb.RESERVATION_STATE_SETTLED, "25")
    assert again == settled
    held = (await check(user, "calls")).entitlement
    assert (held.used, held.held, held.remaining) == ("0", "25", "75")

    usage.report("UA", "calls", now(), "25")

    async def is_counted() -> bool:
        found = (await check(user, "calls")).entitlement
        # At no instant neither of the two counts.
        assert found.remaining in {"75", "50"}
        return (found.used, found.held, found.remaining) == ("25", "0", "75")

    await eventually(is_counted)


async def test_the_same_reservation_again_has_the_same_answer(catalog: Any, user: Any) -> None:
    await agree(catalog)
    first, again = [await reserve(user, "r", "30") for _ in range(2)]
    assert first.reservation == again.reservation
    assert (await check(user, "calls")).entitlement.held == "30"

    with pytest.raises(AlreadyExists) as another:
        await reserve(user, "r", "31")
    assert another.value.reason is Reason.RESERVATION_CONFLICT

    released = await user("ReleaseReservation", pb.ReleaseReservationRequest(reservation="r"))
    assert released.reservation.state == pb.RESERVATION_STATE_RELEASED
    assert (await check(user, "calls")).entitlement.held == "0"
    with pytest.raises(AlreadyExists):
        await user("SettleReservation", pb.SettleReservationRequest(reservation="r", quantity="1"))
    with pytest.raises(NotFound):
        await user("ReleaseReservation", pb.ReleaseReservationRequest(reservation="none"))


async def test_grants_are_drawn_beyond_the_plan_and_unused_ones_stay(catalog: Any, user: Any, usage: Any) -> None:
    await agree(catalog)
    today = now().date()
    earlier = (today.replace(day=1) - timedelta(days=20)).isoformat()
    request = pb.GrantEntitlementRequest(customer="UA", feature="calls", quantity="40", note="sorry", request_id="1")
    setattr(request, "from", earlier)
    granted = (await user("GrantEntitlement", request)).grant
    usage.report("UA", "calls", datetime.fromisoformat(earlier).replace(tzinfo=UTC) + timedelta(days=2), "110")
    usage.report("UA", "calls", now(), "105")

    assert (await user("GrantEntitlement", request)).grant == granted
    listed = (await user("ListGrants", pb.ListGrantsRequest(customer="UA"))).grants
    assert [(one.id, getattr(one, "from"), one.until) for one in listed] == [(granted.id, earlier, "")]

    async def is_drawn() -> bool:
        # 10 were drawn in the period before, 5 in this one: 25 are left.
        found = (await check(user, "calls")).entitlement
        return (found.limit, found.used, found.remaining) == ("130", "105", "25")

    await eventually(is_drawn)

    # What it gave before today stays, and today nothing is left of it; only the first to take it back is heard.
    back, again = [
        (await user("RevokeGrant", pb.RevokeGrantRequest(grant=granted.id, reason=why))).grant
        for why in ("by mistake", "later")
    ]
    assert (back.revoked_reason, back.revoked_from) == ("by mistake", today.isoformat())
    assert (await user("ListGrants", pb.ListGrantsRequest(customer="UA"))).grants == [back] == [again]
    found = (await check(user, "calls")).entitlement
    assert (found.used, found.remaining, found.beyond) == ("105", "0", "5")
    with pytest.raises(NotFound) as unknown:
        await user("RevokeGrant", pb.RevokeGrantRequest(grant="none", reason="?"))
    assert unknown.value.reason is Reason.GRANT_NOT_FOUND


async def test_what_does_not_add_up_is_neither_granted_nor_reserved(catalog: Any, user: Any, usage: Any) -> None:
    usage.aggregations["calls"] = meter_pb2.AGGREGATION_MAX
    await agree(catalog)

    with pytest.raises(InvalidRequest) as refused:
        await reserve(user, "r", "1")
    assert refused.value.reason is Reason.ENTITLEMENT_INVALID
    with pytest.raises(InvalidRequest):
        await user("GrantEntitlement", pb.GrantEntitlementRequest(customer="UA", feature="calls", quantity="1"))
    with pytest.raises(NotFound) as unknown:
        await user("GrantEntitlement", pb.GrantEntitlementRequest(customer="UA", feature="none", quantity="1"))
    assert unknown.value.reason is Reason.FEATURE_NOT_FOUND


async def test_all_features_are_listed_in_the_plans_order_and_one_that_fails_says_why(
    catalog: Any, user: Any, usage: Any
) -> None:
    del usage.meters["minutes"]
    await agree(catalog)

    found = (await user("ListEntitlements", pb.ListEntitlementsRequest(customer="UA"))).entitlements

    assert [one.feature for one in found] == ["sso", "region", "calls", "minutes"]
    assert [bool(one.problem) for one in found] == [False, False, False, True]
    assert "minutes" in found[3].problem
    assert found[2].period.start.ToDatetime(tzinfo=UTC).date() <= date.today() + timedelta(days=1)  # noqa: DTZ011
