"""The kinds of documents in a catalog file: one row each, and everything else follows from the contract."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from google.protobuf.message_factory import GetMessageClass

from meterline.client import contract_of

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document, and the service that keeps it."""

    name: str
    service: str
    is_named: bool = True
    """Whether there are many, told apart by `metadata.name`; there is one otherwise."""

    @property
    def method(self) -> str:
        """Name of the method that applies it."""
        return f"Apply{self.name}"

    @property
    def request(self) -> type[Message]:
        """Message that applies it."""
        return _request(self.service, self.method)

    @property
    def spec(self) -> Descriptor:
        """What its `spec` is."""
        return cast("Descriptor", self.request.DESCRIPTOR.fields_by_name["spec"].message_type)


@cache
def _request(service: str, method: str) -> type[Message]:
    return GetMessageClass(contract_of(service)[0].methods_by_name[method].input_type)


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("EventSchema", "aggregator"),
        Kind("Meter", "aggregator"),
        Kind("Product", "rating"),
        Kind("Plan", "rating"),
        Kind("Customer", "rating"),
        Kind("Contract", "rating"),
        Kind("Coupon", "rating"),
        Kind("BillingProfile", "invoicing", is_named=False),
    )
}
"""All kinds; what is referred to comes before what refers to it."""
