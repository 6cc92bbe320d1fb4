"""Live charges that are watched: they come again when they have become others, and only then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from chassis.errors import NotFound, Reason
from chassis.errors.status import from_rpc_error
from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as pb

TIME = datetime(2013, 1, 9, tzinfo=UTC)


def fixed(amount: str) -> catalog_pb2.PlanItem:
    return catalog_pb2.PlanItem(name="Fee", fixed=catalog_pb2.FixedFee(amount=amount))


@pytest.fixture
def keepalive_s() -> float:
    """Longer than a call may take: what comes, comes because usage has changed."""
    return 60.0


@pytest.fixture
def settings(settings: Any, keepalive_s: float) -> Any:
    return settings.model_copy(update={"watch_keepalive_s": keepalive_s})


def watched(rating: Any, **asked: Any) -> Any:
    request = pb.WatchChargesRequest(**{"contract": "UA-2013", "billing_period": "2013-01", **asked})
    return rating.user().stream("WatchCharges", request)


async def changed(call: Any) -> list[str]:
    """Return the amounts of the next answer that is another one."""
    while True:
        response = await call.read()
        assert response is not grpc.aio.EOF
        if not response.is_unchanged:
            return [charge.exact_amount for charge in response.answer.charges]
        assert not response.answer.charges


async def test_charges_come_again_when_they_have_changed(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    await catalog.customer("DL")
    call = watched(rating)

    assert await changed(call) == ["500", "0"]
    usage.report("UA", "calls", TIME, "30")
    assert await changed(call) == ["500", "1"]
    # Of another customer and of another period: nothing comes.
    usage.report("DL", "calls", TIME, "30")
    usage.report("UA", "calls", datetime(2013, 3, 9, tzinfo=UTC), "30")
    usage.report("UA", "calls", TIME, "2")
    assert await changed(call) == ["500", "1.1"]
    call.cancel()


@pytest.mark.parametrize("keepalive_s", [0.2])
async def test_another_plan_comes_without_a_change_of_usage(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    call = watched(rating, answers_max=2)
    assert await changed(call) == ["500", "0"]
    assert (await call.read()).is_unchanged

    await catalog.plan(fixed("7"), name="other")
    await catalog.contract(plan="other", effective_from="2013-01-01", reason="swapped")

    assert await changed(call) == ["7"]
    assert await call.read() is grpc.aio.EOF


async def test_what_is_not_there_can_not_be_watched(rating: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await watched(rating, contract="none").read()

    error = from_rpc_error(caught.value)
    assert (type(error), error.reason) == (NotFound, Reason.CONTRACT_NOT_FOUND)
