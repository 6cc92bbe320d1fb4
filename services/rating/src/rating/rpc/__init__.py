"""The service as gRPC sees it, a file for each kind of question: a method checks, calls one use case, renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.rpc.method import declared_methods
from chassis.rpc.server import Served
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc
from rating.operations.owners import owners
from rating.rpc.catalog import CatalogMethods
from rating.rpc.charges import ChargeMethods
from rating.rpc.entitlements import EntitlementMethods
from rating.rpc.prices import PriceMethods
from rating.rpc.wallets import WalletMethods

if TYPE_CHECKING:
    from rating.operations.deps import Deps


class RatingServicer(
    CatalogMethods, PriceMethods, ChargeMethods, EntitlementMethods, WalletMethods, pb_grpc.RatingServiceServicer
):
    """RatingService. Errors are raised as they are; the server's interceptor renders them."""


def served(deps: Deps) -> Served:
    """Describe the service to the server."""
    servicer = RatingServicer(deps)
    return Served(
        add=lambda server: pb_grpc.add_RatingServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["RatingService"]),
        owners=owners(deps),
    )
