"""Products as messages."""

from __future__ import annotations

from chassis.text import check_name
from eventlog.wire import timestamp
from metering.rating.v1 import catalog_pb2, rating_service_pb2
from rating.domain.products import Product
from rating.domain.versions import Applied, Version
from rating.wire.values import outcome_to_proto


def product_from_proto(spec: catalog_pb2.ProductSpec) -> Product:
    """Return a product. Raises Refused."""
    return Product(check_name("display_name", spec.display_name), check_name("meter", spec.meter))


def product_to_proto(product: Version[Product]) -> catalog_pb2.Product:
    """Return the message of a product."""
    content = product.content
    return catalog_pb2.Product(
        name=product.name,
        version=product.version,
        spec=catalog_pb2.ProductSpec(display_name=content.display_name, meter=content.meter),
        created_at=timestamp(product.created_at),
    )


def applied_to_proto(applied: Applied[Product]) -> rating_service_pb2.ApplyProductResponse:
    """Return what applying a product did."""
    return rating_service_pb2.ApplyProductResponse(
        outcome=outcome_to_proto(applied.outcome), product=product_to_proto(applied.entry)
    )
