"""Wallets: credit that is granted, drawn and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chassis.identity import current_tenant
from chassis.rpc.repeat import once
from metering.rating.v1 import wallet_pb2
from rating.operations import wallets
from rating.rpc.base import Methods
from rating.wire import wallets as wire

if TYPE_CHECKING:
    import grpc
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.wallets import Lot

    Context = grpc.aio.ServicerContext[Any, Any]


class WalletMethods(Methods):
    """The methods of this room."""

    async def GrantCredit(
        self, request: wallet_pb2.GrantCreditRequest, context: Context
    ) -> wallet_pb2.GrantCreditResponse:
        """Grant a customer credit."""
        draft = wire.lot_from_proto(request)

        async def grant(conn: AsyncConnection) -> Lot:
            return await wallets.grant(self._deps, conn, current_tenant(), draft)

        def granted(lot: Lot) -> wallet_pb2.GrantCreditResponse:
            return wallet_pb2.GrantCreditResponse(lot=wire.lot_to_proto(lot))

        return await once(self._deps.engine, request, grant, granted)

    async def GetWallet(self, request: wallet_pb2.GetWalletRequest, context: Context) -> wallet_pb2.GetWalletResponse:
        """Return a customer's wallet."""
        tenant = current_tenant()
        return wire.wallet_to_proto(tenant, await wallets.get_wallet(self._deps, tenant, request.customer))

    async def VoidCredit(
        self, request: wallet_pb2.VoidCreditRequest, context: Context
    ) -> wallet_pb2.VoidCreditResponse:
        """Take back what is left of a lot."""
        reason = wire.reason_from_proto(request)
        standing = await wallets.void(self._deps, current_tenant(), request.lot, reason)
        return wallet_pb2.VoidCreditResponse(standing=wire.standing_to_proto(standing))
