"""What a customer may use: entitlements, grants and reservations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chassis.identity import current_tenant
from chassis.rpc.repeat import once
from metering.rating.v1 import entitlement_pb2
from rating.operations import (
    entitlements,
    grants,
    reservations,
)
from rating.rpc.base import Methods
from rating.wire import entitlements as entitlements_wire

if TYPE_CHECKING:
    import grpc
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.allowance import Grant

    Context = grpc.aio.ServicerContext[Any, Any]


class EntitlementMethods(Methods):
    """The methods of this room."""

    async def CheckEntitlement(
        self, request: entitlement_pb2.CheckEntitlementRequest, context: Context
    ) -> entitlement_pb2.CheckEntitlementResponse:
        """Tell whether something may be used now."""
        tenant, wanted = current_tenant(), entitlements_wire.wanted_from_proto(request)
        checked = await entitlements.check_entitlement(self._deps, tenant, request.customer, request.feature, wanted)
        return entitlements_wire.checked_to_proto(checked)

    async def ListEntitlements(
        self, request: entitlement_pb2.ListEntitlementsRequest, context: Context
    ) -> entitlement_pb2.ListEntitlementsResponse:
        """Return how the features of a customer's plan stand."""
        found = await entitlements.list_entitlements(self._deps, current_tenant(), request.customer)
        told = map(entitlements_wire.listed_to_proto, found)
        return entitlement_pb2.ListEntitlementsResponse(entitlements=(one for one in told if one is not None))

    async def GrantEntitlement(
        self, request: entitlement_pb2.GrantEntitlementRequest, context: Context
    ) -> entitlement_pb2.GrantEntitlementResponse:
        """Grant a customer more of a feature."""
        draft = entitlements_wire.grant_from_proto(request)

        async def grant(conn: AsyncConnection) -> Grant:
            return await entitlements.grant(self._deps, conn, current_tenant(), draft)

        def granted(made: Grant) -> entitlement_pb2.GrantEntitlementResponse:
            return entitlement_pb2.GrantEntitlementResponse(grant=entitlements_wire.grant_to_proto(made))

        response = await once(self._deps.engine, request, grant, granted)
        self._deps.entitlements.drop_customer(current_tenant(), request.customer)
        return response

    async def ListGrants(
        self, request: entitlement_pb2.ListGrantsRequest, context: Context
    ) -> entitlement_pb2.ListGrantsResponse:
        """Return the grants of a customer."""
        found = await entitlements.list_grants(self._deps, current_tenant(), request.customer, request.feature)
        return entitlement_pb2.ListGrantsResponse(grants=map(entitlements_wire.grant_to_proto, found))

    async def RevokeGrant(
        self, request: entitlement_pb2.RevokeGrantRequest, context: Context
    ) -> entitlement_pb2.RevokeGrantResponse:
        """Take a grant back."""
        reason = entitlements_wire.revoked_from_proto(request)
        revoked = await grants.revoke(self._deps, current_tenant(), request.grant, reason)
        self._deps.entitlements.drop_customer(current_tenant(), revoked.customer)
        return entitlement_pb2.RevokeGrantResponse(grant=entitlements_wire.grant_to_proto(revoked))

    async def ReserveUsage(
        self, request: entitlement_pb2.ReserveUsageRequest, context: Context
    ) -> entitlement_pb2.ReserveUsageResponse:
        """Hold a quantity."""
        wanted = entitlements_wire.reservation_from_proto(request)
        reserved = await reservations.reserve(self._deps, current_tenant(), wanted)
        return entitlements_wire.reserved_to_proto(reserved, self._deps.clock.now())

    async def SettleReservation(
        self, request: entitlement_pb2.SettleReservationRequest, context: Context
    ) -> entitlement_pb2.SettleReservationResponse:
        """Tell what was used of a reservation."""
        quantity, reported = entitlements_wire.settled_from_proto(request)
        ended = await reservations.settle(self._deps, current_tenant(), request.reservation, quantity, reported)
        return entitlement_pb2.SettleReservationResponse(
            reservation=entitlements_wire.reservation_to_proto(ended, self._deps.clock.now())
        )

    async def ReleaseReservation(
        self, request: entitlement_pb2.ReleaseReservationRequest, context: Context
    ) -> entitlement_pb2.ReleaseReservationResponse:
        """Give back what a reservation holds."""
        ended = await reservations.release(self._deps, current_tenant(), request.reservation)
        return entitlement_pb2.ReleaseReservationResponse(
            reservation=entitlements_wire.reservation_to_proto(ended, self._deps.clock.now())
        )
