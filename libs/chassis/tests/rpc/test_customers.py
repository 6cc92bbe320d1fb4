"""Customers on the way: what metadata carries, what is passed on to the next service, and streams of requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace

from chassis.errors import Forbidden, InvalidRequest, NotFound, Reason
from chassis.errors.status import from_rpc_error
from chassis.identity import (
    Identity,
    Scope,
    acting_for_everyone,
    customer_from_metadata,
    customer_to_metadata,
    find_identity,
    set_identity,
)
from chassis.rpc.binding import Binding, CheckedContext
from chassis.rpc.call import Call
from chassis.rpc.method import CustomerConcern
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1.usage_pb2 import UsageSpan

CUSTOMER = Identity("acme", "portal", frozenset({Scope.READ}), customer="Zoë & 50 % Söhne")


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=128))
def test_any_customer_survives_metadata(customer: str) -> None:
    value = customer_to_metadata(customer)

    assert value.isascii()
    assert value.isprintable()
    assert customer_from_metadata(value) == customer


@pytest.mark.parametrize("value", ["", "a\nb", "%00", "%ff", "x" * 257])
def test_what_can_be_no_customer_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        customer_from_metadata(value)
    assert caught.value.reason is Reason.CUSTOMER_MISSING


async def _heard(request: bytes, context: Any) -> bytes:
    return repr(sorted(key for key, _ in context.invocation_metadata() if key.startswith("x-meterline"))).encode()


async def test_a_service_that_works_for_a_customer_says_so_to_the_next_one(start: Any, signing_key: Any) -> None:
    running = await start({"Echo": grpc.unary_unary_rpc_method_handler(_heard)})
    call = running.channel(signing_key.mint_internal()).unary_unary("/test.v1.EchoService/Echo")
    set_identity(CUSTOMER)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        # Nothing of the service under test is a customer's.
        await call(b"")
    with acting_for_everyone():
        heard = await call(b"")

    assert from_rpc_error(caught.value).reason is Reason.CUSTOMER_BOUND
    assert heard == b"['x-meterline-tenant']"
    assert find_identity() == CUSTOMER


def _call(customer: str = "ann") -> Call:
    return Call("/s/M", 0.0, trace.INVALID_SPAN, {}, tenant="acme", customer=customer)


async def _requests(*customers: str) -> AsyncIterator[pb.QueryTotalsRequest]:
    for customer in customers:
        yield pb.QueryTotalsRequest(customer=customer)


async def test_each_request_of_a_stream_is_held_to_the_customer() -> None:
    checked = Binding(CustomerConcern("customer")).checked(_call(), _requests("ann", "", "bob", "ann"))

    assert [(await anext(checked)).customer for _ in range(2)] == ["ann", "ann"]
    with pytest.raises(NotFound):
        await anext(checked)


async def test_a_stream_offers_no_way_past_the_check() -> None:
    with pytest.raises(TypeError, match="from their iterator"):
        await CheckedContext(object()).read()


async def test_a_list_without_an_entry_on_the_path_is_about_the_tenant() -> None:
    binding = Binding(CustomerConcern("spans.customer"))

    with pytest.raises(Forbidden):
        await binding.check(_call(), pb.QuerySpansRequest())
    request = pb.QuerySpansRequest(spans=[UsageSpan(customer="ann"), UsageSpan(meter="m")])
    await binding.check(_call(), request)
    assert [span.customer for span in request.spans] == ["ann", "ann"]
    with pytest.raises(NotFound):
        await binding.check(_call(), pb.QuerySpansRequest(spans=[UsageSpan(customer="ann"), UsageSpan(customer="bob")]))


async def test_who_acts_for_the_tenant_is_held_to_nothing() -> None:
    request = pb.QuerySpansRequest()

    await Binding(CustomerConcern("spans.customer")).check(_call(""), request)

    assert request == pb.QuerySpansRequest()
