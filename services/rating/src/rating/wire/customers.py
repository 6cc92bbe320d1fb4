"""Customers as messages."""

from __future__ import annotations

from chassis.text import check_name
from eventlog.wire import timestamp
from metering.rating.v1 import catalog_pb2, rating_service_pb2
from rating.domain.customers import Customer
from rating.domain.versions import Applied, Version
from rating.wire.values import outcome_to_proto


def customer_from_proto(spec: catalog_pb2.CustomerSpec) -> Customer:
    """Return a customer. Raises Refused."""
    return Customer(check_name("display_name", spec.display_name), spec.currency, check_name("parent", spec.parent))


def customer_to_proto(customer: Version[Customer]) -> catalog_pb2.Customer:
    """Return the message of a customer."""
    content = customer.content
    return catalog_pb2.Customer(
        name=customer.name,
        version=customer.version,
        spec=catalog_pb2.CustomerSpec(
            display_name=content.display_name, currency=content.currency, parent=content.parent
        ),
        created_at=timestamp(customer.created_at),
    )


def applied_to_proto(applied: Applied[Customer]) -> rating_service_pb2.ApplyCustomerResponse:
    """Return what applying a customer did."""
    return rating_service_pb2.ApplyCustomerResponse(
        outcome=outcome_to_proto(applied.outcome), customer=customer_to_proto(applied.entry)
    )
