"""Every method of every contract declares its policy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pool

from chassis.rpc.method import declared_methods

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto


def test_every_method_declares_who_may_call_it_and_whether_it_may_be_repeated(
    contracts: list[FileDescriptorProto],
) -> None:
    for file in contracts:
        import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
    services = [f"{file.package}.{service.name}" for file in contracts for service in file.service]

    declared = [declared_methods(descriptor_pool.Default().FindServiceByName(name)) for name in services]

    assert services
    assert all(declared)
