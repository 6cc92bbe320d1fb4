"""A contract says all that a method needs, or the service does not start."""

from __future__ import annotations

from itertools import count

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from chassis.identity import Scope
from chassis.rpc.method import CustomerConcern, Method, PolicyError, Repeat, declared_methods, repeatable_methods
from metering.common.v1 import method_pb2

_numbers = count()
NOBODY = method_pb2.CustomerConcern(none=True)
READ = method_pb2.SCOPE_READ


def service(*policies: method_pb2.MethodPolicy | None) -> ServiceDescriptor:
    """A service with a method M0, M1 … for each policy; the request has the fields `customer` and `contract`."""
    package = f"test.method{next(_numbers)}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    request = file.message_type.add(name="Request")
    for number, name in enumerate(("customer", "contract"), start=1):
        request.field.add(
            name=name,
            number=number,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        )
    declared = file.service.add(name="S")
    for number, policy in enumerate(policies):
        method = declared.method.add(
            name=f"M{number}", input_type=f".{package}.Request", output_type=f".{package}.Request"
        )
        if policy is not None:
            method.options.Extensions[method_pb2.policy].CopyFrom(policy)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName(f"{package}.S")


def policy(
    repeat: method_pb2.Repeat.ValueType = method_pb2.REPEAT_READS,
    customer: method_pb2.CustomerConcern = NOBODY,
    *,
    is_feed: bool = False,
) -> method_pb2.MethodPolicy:
    return method_pb2.MethodPolicy(scopes=[READ], repeat=repeat, customer=customer, is_feed=is_feed)


def test_a_policy_reads_as_it_was_written() -> None:
    owner = method_pb2.OwnedObject(kind="contract", fields=["contract"])
    written = policy(
        method_pb2.REPEAT_BY_REQUEST_ID, method_pb2.CustomerConcern(in_field="customer", owner_of=owner), is_feed=True
    )
    described = service(written)

    concern = CustomerConcern("customer", "contract", ("contract",))
    read = Method(frozenset({Scope.READ}), Repeat.BY_REQUEST_ID, concern, is_feed=True)
    assert declared_methods(described) == {f"/{described.full_name}/M0": read}


def test_reads_and_calls_safe_by_their_content_may_be_repeated_and_feeds_go_on_by_themselves() -> None:
    described = service(
        policy(),
        policy(method_pb2.REPEAT_BY_CONTENT),
        policy(method_pb2.REPEAT_BY_REQUEST_ID),
        policy(method_pb2.REPEAT_NEVER),
        policy(is_feed=True),
    )

    assert repeatable_methods([described]) == [(described.full_name, "M0"), (described.full_name, "M1")]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "names no scopes"),
        (method_pb2.MethodPolicy(repeat=method_pb2.REPEAT_READS, customer=NOBODY), "names no scopes"),
        (method_pb2.MethodPolicy(scopes=[READ], customer=NOBODY), "whether it may be repeated"),
        (policy(customer=method_pb2.CustomerConcern()), "whose customer it concerns"),
        (policy(customer=method_pb2.CustomerConcern(none=True, in_field="customer")), "whose customer it concerns"),
        (
            policy(customer=method_pb2.CustomerConcern(owner_of=method_pb2.OwnedObject(fields=["contract"]))),
            "whose customer it concerns",
        ),
        (policy(customer=method_pb2.CustomerConcern(in_field="client")), "has no field client"),
    ],
)
def test_a_policy_that_says_too_little_or_a_wrong_thing_is_refused(
    wrong: method_pb2.MethodPolicy | None, said: str
) -> None:
    with pytest.raises(PolicyError, match=said):
        declared_methods(service(wrong))
