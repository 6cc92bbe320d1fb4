"""The portal's own RPCs for the seller's pages, with the scopes, checks and records that they have over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chassis.audit.records import AuditedCall
from chassis.audit.trail import record_refusal, set_audited_call
from chassis.errors import MeterlineError
from chassis.identity import current_identity
from chassis.rpc.identifying import check_scopes
from chassis.rpc.method import declared_methods
from chassis.rpc.validation import check_request, check_texts
from metering.portal.v1 import portal_service_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from sqlalchemy.ext.asyncio import AsyncEngine

    from portal.rpc import PortalServicer

_SERVICE: Final = pb.DESCRIPTOR.services_by_name["PortalService"]


class OwnCalls:
    """Calls methods of the portal's own service in this process, for whoever the task acts for."""

    def __init__(self, servicer: PortalServicer, engine: AsyncEngine) -> None:
        """Call `servicer`; what an administrator is refused is recorded in the database of `engine`."""
        self._servicer = servicer
        self._engine = engine
        self._methods = declared_methods(_SERVICE)

    async def call(self, request: Message) -> Any:
        """Return the answer to a request. Raises what the method raises, Forbidden and InvalidRequest."""
        name = request.DESCRIPTOR.name.removesuffix("Request")
        full_name = f"/{_SERVICE.full_name}/{name}"
        method = self._methods[full_name]
        audited = AuditedCall(full_name[1:], request)
        if method.changes_something:
            set_audited_call(audited)
        try:
            check_scopes(full_name, method, current_identity())
            check_texts(request, request.SerializeToString())
            check_request(request)
            return await getattr(self._servicer, name)(request, None)
        except MeterlineError as error:
            if method.is_administration and not audited.is_rehearsal:
                set_audited_call(audited)
                await record_refusal(self._engine, error.reason.value)
            raise
