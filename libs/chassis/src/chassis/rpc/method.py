"""What a contract declares of each method: who may call it, whether it may be repeated, whose customer it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor import FieldDescriptor

from chassis.identity import Scope
from metering.common.v1 import method_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor

REQUEST_BYTES_MAX_DEFAULT: Final = 512 * 1024
"""Largest request of a method whose contract names no other size."""
_SCOPES: Final = {method_pb2.Scope.Value(f"SCOPE_{scope.name}"): scope for scope in Scope}


class PolicyError(Exception):
    """A contract does not declare all that a method needs to be served; the service must not start."""


class Repeat(Enum):
    """Whether a call may be sent again if its answer was lost."""

    READS = method_pb2.REPEAT_READS
    BY_CONTENT = method_pb2.REPEAT_BY_CONTENT
    BY_REQUEST_ID = method_pb2.REPEAT_BY_REQUEST_ID
    NEVER = method_pb2.REPEAT_NEVER


@dataclass(frozen=True, slots=True)
class CustomerConcern:
    """Which customer a call concerns; every field is empty if the call is about the tenant as a whole.

    `in_field` is the field of the request that names the customer or customers, as a path with dots into messages and
    lists of them. `owner_of` is the kind of an object that belongs to the customer, and `object_fields` are the fields
    of the request that name the object.
    """

    in_field: str = ""
    owner_of: str = ""
    object_fields: tuple[str, ...] = ()

    @property
    def is_of_tenant(self) -> bool:
        """Whether a call never concerns one customer in particular."""
        return not self.in_field and not self.object_fields


@dataclass(frozen=True, slots=True)
class Method:
    """The policy of one method. A caller needs any one of `scopes`."""

    scopes: frozenset[Scope]
    repeat: Repeat = Repeat.READS
    concern: CustomerConcern = CustomerConcern()
    is_feed: bool = False
    """A stream that stays open for hours. No span, not counted as a call in work; it must watch `draining`."""
    checks_itself: bool = False
    """The method checks its requests itself, without protovalidate."""
    request_bytes_max: int = REQUEST_BYTES_MAX_DEFAULT
    """A larger request is refused before it is parsed."""
    is_polled: bool = False
    """Asked again and again by services, whether anything happens or not. No span."""

    @property
    def has_span(self) -> bool:
        """Whether the server makes a span for each call."""
        return not (self.is_feed or self.is_polled)

    @property
    def changes_something(self) -> bool:
        """Whether a call may leave something behind."""
        return self.repeat is not Repeat.READS

    @property
    def is_administration(self) -> bool:
        """Whether it is for those who administer a tenant to change something by it."""
        return self.changes_something and Scope.ADMIN in self.scopes

    @property
    def may_repeat(self) -> bool:
        """Whether gRPC itself may send the same call again; the reader of a feed continues from its cursor instead."""
        return self.repeat in (Repeat.READS, Repeat.BY_CONTENT) and not self.is_feed


def declared_methods(service: ServiceDescriptor) -> dict[str, Method]:
    """Return the methods of `service` by full name ("/package.Service/Method").

    Raises PolicyError if the contract declares too little, or names a field that the request doesn't have.
    """
    return {f"/{service.full_name}/{method.name}": _declared(method) for method in service.methods}


def repeatable_methods(services: Iterable[ServiceDescriptor]) -> list[tuple[str, str]]:
    """Return the pairs (service, method) that clients may repeat automatically, in the order of the contracts."""
    return [
        (service.full_name, method.name)
        for service in services
        for method in service.methods
        if _declared(method).may_repeat
    ]


def polled_methods(services: Iterable[ServiceDescriptor]) -> frozenset[str]:
    """Return the full names of the methods for whose calls nobody makes a span."""
    return frozenset(
        name for service in services for name, method in declared_methods(service).items() if method.is_polled
    )


def _declared(method: MethodDescriptor) -> Method:
    policy = method.GetOptions().Extensions[method_pb2.policy]
    if not policy.scopes:
        raise PolicyError(f"{method.full_name} names no scopes: say in its contract which may call it")
    if policy.repeat == method_pb2.REPEAT_UNSPECIFIED:
        raise PolicyError(f"{method.full_name} does not say whether it may be repeated: say so in its contract")
    return Method(
        scopes=frozenset(_SCOPES[scope] for scope in policy.scopes),
        repeat=Repeat(policy.repeat),
        concern=_concern(method, policy.customer),
        is_feed=policy.is_feed,
        checks_itself=policy.checks_itself,
        request_bytes_max=policy.request_bytes_max or REQUEST_BYTES_MAX_DEFAULT,
        is_polled=policy.is_polled,
    )


def _concern(method: MethodDescriptor, declared: method_pb2.CustomerConcern) -> CustomerConcern:
    concern = CustomerConcern(declared.in_field, declared.owner_of.kind, tuple(declared.owner_of.fields))
    names_one = bool(concern.in_field or concern.object_fields)
    if declared.none == names_one or bool(concern.owner_of) != bool(concern.object_fields):
        raise PolicyError(f"{method.full_name} does not say whose customer it concerns: say so in its contract")
    _check_path(method.input_type, concern)
    for name in concern.object_fields:
        _text_field(method.input_type, name, is_repeated=False)
    return concern


def _check_path(request: Descriptor, concern: CustomerConcern) -> None:
    if not concern.in_field:
        return
    described, is_repeated = request, False
    *parents, last = concern.in_field.split(".")
    for name in parents:
        field = _field(described, name)
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            raise PolicyError(f"{described.full_name}.{name} is no message, in which a method's policy looks for more")
        described, is_repeated = field.message_type, is_repeated or field.is_repeated
    is_repeated = _text_field(described, last) or is_repeated
    if is_repeated and concern.object_fields:
        # Of several customers, those left out could not be told from those that an object stands for.
        raise PolicyError(f"{request.full_name} may name one customer beside an object, not a list of them")


def _text_field(described: Descriptor, name: str, *, is_repeated: bool = True) -> bool:
    """Return whether a field of texts is a list. Raises PolicyError for any other field."""
    field = _field(described, name)
    if field.type != FieldDescriptor.TYPE_STRING or (field.is_repeated and not is_repeated):
        raise PolicyError(f"{described.full_name}.{name} is no text, as its method's policy needs it")
    return bool(field.is_repeated)


def _field(described: Descriptor, name: str) -> FieldDescriptor:
    fields: Mapping[str, FieldDescriptor] = described.fields_by_name
    if name not in fields:
        raise PolicyError(f"{described.full_name} has no field {name}, which its method's policy names")
    return fields[name]
