"""Callers who act for one customer, method by method: what is theirs, what is of others, and what is of the tenant."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.errors import Forbidden, InvalidRequest, NotFound, Reason
from chassis.identity import Scope
from testkit.contract_requests import complete, put, smallest_valid, texts_at

OWN, OTHER = "ann", "bob"


def about(method: Any, *, customer: str = "", named: str = "") -> Message:
    """A sound request for a method: about a customer, or about the object that a name stands for."""
    request: Message = smallest_valid(method.described.input_type)
    if method.concern.in_field:
        put(request, method.concern.in_field, customer)
    for field in method.concern.object_fields:
        put(request, field, named)
    if customer:
        complete(request)
    return request


def bound(door: Any, method: Any) -> dict[str, Any]:
    """How a caller who acts for `OWN` calls a method: with a user's token of that customer, or as a service for it."""
    scope = min(method.scopes - {Scope.INTERNAL}, default=None)
    if scope is None:
        return {"token": door.key.mint_internal(), "tenant": "acme", "customer": OWN}
    return {"token": door.key.mint("acme", [scope], claims={"customer": OWN})}


def customer_beside_an_object(method: Any) -> str:
    """What the contract wants in the field of the customer where an object is named, too: its customer, or nothing."""
    field = method.concern.in_field
    return OWN if field and any(texts_at(smallest_valid(method.described.input_type), field)) else ""


async def knock(door: Any, method: Any, request: Message) -> Any:
    door.heard.clear()
    return await door.knock(method, request=request, **bound(door, method))


async def test_of_the_tenant_as_a_whole_nothing_is_told(door: Any, method_of_tenants: Any) -> None:
    refused = await knock(door, method_of_tenants, smallest_valid(method_of_tenants.described.input_type))

    assert isinstance(refused, Forbidden)
    assert refused.reason is Reason.CUSTOMER_BOUND
    assert not door.heard


async def test_another_customer_does_not_exist(door: Any, method_of_customers: Any) -> None:
    own_object = OWN if method_of_customers.concern.object_fields else ""

    refused = await knock(door, method_of_customers, about(method_of_customers, customer=OTHER, named=own_object))

    assert isinstance(refused, NotFound)
    assert refused.reason is Reason.CUSTOMER_NOT_FOUND
    assert not door.heard


async def test_the_own_customer_is_answered(door: Any, method_of_customers: Any) -> None:
    own_object = OWN if method_of_customers.concern.owner_of == "contract" else ""

    refused = await knock(door, method_of_customers, about(method_of_customers, customer=OWN, named=own_object))

    assert refused is None
    assert set(texts_at(door.heard[0], method_of_customers.concern.in_field)) == {OWN}


async def test_who_names_nobody_means_the_own_customer(door: Any, method_of_customers: Any) -> None:
    path = method_of_customers.concern.in_field

    refused = await knock(door, method_of_customers, about(method_of_customers))

    if isinstance(refused, InvalidRequest | NotFound):
        # The contract wants a name, of a customer or of an object.
        assert not door.heard
    elif isinstance(refused, Forbidden):
        # There is no entry of the list on the path, so nothing to fill in.
        assert "." in path
        assert not door.heard
    else:
        assert set(texts_at(door.heard[0], path)) == {OWN}


async def test_an_object_of_another_is_told_as_one_that_does_not_exist(door: Any, method_of_objects: Any) -> None:
    customer = customer_beside_an_object(method_of_objects)

    others = await knock(door, method_of_objects, about(method_of_objects, customer=customer, named=f"the-{OTHER}"))
    nobodys = await knock(door, method_of_objects, about(method_of_objects, customer=customer, named="the-xyz"))

    assert isinstance(others, NotFound)
    assert isinstance(nobodys, NotFound)
    assert (others.reason, others.message.replace(OTHER, "xyz")) == (nobodys.reason, nobodys.message)
    assert others.reason is not Reason.CUSTOMER_NOT_FOUND
    assert not door.heard


async def test_an_own_object_is_answered(door: Any, method_of_objects: Any) -> None:
    customer = customer_beside_an_object(method_of_objects)

    refused = await knock(door, method_of_objects, about(method_of_objects, customer=customer, named=f"the-{OWN}"))

    assert refused is None
    assert door.heard


async def test_a_token_for_customers_opens_nothing_without_one(door: Any, method: Any) -> None:
    scope = min(method.scopes - {Scope.INTERNAL}, default=Scope.INTERNAL)
    token = door.key.mint("*", [scope], claims={"acts_for": "customers"})

    refused = await door.knock(method, token, smallest_valid(method.described.input_type), tenant="acme")

    assert isinstance(refused, InvalidRequest)
    assert refused.reason is Reason.CUSTOMER_MISSING


async def test_a_token_for_customers_is_as_one_of_the_customer_it_names(door: Any, method_of_customers: Any) -> None:
    scope = min(method_of_customers.scopes - {Scope.INTERNAL}, default=Scope.INTERNAL)
    token = door.key.mint("*", [scope], claims={"acts_for": "customers"})
    named = OWN if method_of_customers.concern.owner_of == "contract" else ""

    own, other = about(method_of_customers, customer=OWN, named=named), about(method_of_customers, customer=OTHER)
    answered = await door.knock(method_of_customers, token, own, tenant="acme", customer=OWN)
    refused = await door.knock(method_of_customers, token, other, tenant="acme", customer=OWN)

    assert answered is None
    assert isinstance(refused, NotFound | InvalidRequest)


async def test_a_token_of_one_customer_acts_for_no_other(door: Any, method: Any) -> None:
    scope = min(method.scopes - {Scope.INTERNAL}, default=None)
    if scope is None:
        pytest.skip("no user calls it")
    token = door.key.mint("acme", [scope], claims={"customer": OWN})

    refused = await door.knock(method, token, customer=OTHER)

    assert isinstance(refused, Forbidden)
    assert refused.reason is Reason.CUSTOMER_FOREIGN
