"""The service as gRPC sees it: each method checks, calls one use case and renders its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chassis.audit.trail import record
from chassis.identity import current_tenant
from chassis.postgres import transaction
from chassis.rpc.method import declared_methods
from chassis.rpc.pages import page_limit
from chassis.rpc.repeat import once
from chassis.rpc.server import Served
from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import portal_service_pb2_grpc as pb_grpc
from portal.operations import profiles, saved_views, sessions
from portal.operations.owners import owners
from portal.wire import profiles as wire_profiles
from portal.wire import saved_views as wire_views
from portal.wire import sessions as wire

if TYPE_CHECKING:
    import grpc
    from sqlalchemy.ext.asyncio import AsyncConnection

    from portal.domain.saved_views import SavedView
    from portal.operations.deps import Deps
    from portal.operations.profiles import AppliedProfile

    Context = grpc.aio.ServicerContext[Any, Any]


class PortalServicer(pb_grpc.PortalServiceServicer):
    """PortalService. Errors are raised as they are; the server's interceptor renders them."""

    def __init__(self, deps: Deps) -> None:
        """Serve the use cases with `deps`."""
        self._deps = deps

    async def CreateSession(self, request: pb.CreateSessionRequest, context: Context) -> pb.CreateSessionResponse:
        """Make a session."""
        wanted = wire.wanted_from_proto(request)
        async with transaction(self._deps.engine) as conn:
            made = await sessions.create_session(self._deps, conn, current_tenant(), wanted)
            await record(conn)
        return wire.made_to_proto(made, self._deps.link_of(made.secret))

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Context) -> pb.ListSessionsResponse:
        """Return a page of sessions."""
        after, limit = wire.place_after(request.page_token), page_limit(request.page_size)
        page = await sessions.list_sessions(
            self._deps, current_tenant(), request.customer, after, limit, ended=request.ended
        )
        return pb.ListSessionsResponse(
            sessions=map(wire.session_to_proto, page.entries), next_page_token=page.next_page_token
        )

    async def RevokeSession(self, request: pb.RevokeSessionRequest, context: Context) -> pb.RevokeSessionResponse:
        """End a session."""
        async with transaction(self._deps.engine) as conn:
            session = await sessions.revoke_session(self._deps, conn, current_tenant(), request.session_id)
            await record(conn)
        return pb.RevokeSessionResponse(session=wire.session_to_proto(session))

    async def ApplyProfile(self, request: pb.ApplyProfileRequest, context: Context) -> pb.ApplyProfileResponse:
        """Set the profile."""
        tenant, wanted = current_tenant(), wire_profiles.profile_from_proto(request.spec)

        async def apply(conn: AsyncConnection) -> AppliedProfile:
            return await profiles.apply_profile(self._deps, conn, tenant, wanted, validate_only=request.validate_only)

        return await once(self._deps.engine, request, apply, wire_profiles.applied_to_proto)

    async def GetProfile(self, request: pb.GetProfileRequest, context: Context) -> pb.GetProfileResponse:
        """Return a version of the profile."""
        found = await profiles.find_profile(self._deps, current_tenant(), request.version)
        return wire_profiles.found_to_proto(found)

    async def SaveView(self, request: pb.SaveViewRequest, context: Context) -> pb.SaveViewResponse:
        """Save a view."""
        tenant, customer = current_tenant(), request.customer

        async def save(conn: AsyncConnection) -> SavedView:
            return await saved_views.save_view(
                self._deps, conn, tenant, customer, name=request.name, query=request.query
            )

        def render(view: SavedView) -> pb.SaveViewResponse:
            return pb.SaveViewResponse(view=wire_views.view_to_proto(customer, view))

        return await once(self._deps.engine, request, save, render)

    async def ListViews(self, request: pb.ListViewsRequest, context: Context) -> pb.ListViewsResponse:
        """Return the views of a customer."""
        found = await saved_views.list_views(self._deps, current_tenant(), request.customer)
        return pb.ListViewsResponse(views=[wire_views.view_to_proto(request.customer, view) for view in found])

    async def DeleteView(self, request: pb.DeleteViewRequest, context: Context) -> pb.DeleteViewResponse:
        """Delete a view."""
        async with transaction(self._deps.engine) as conn:
            await saved_views.delete_view(conn, current_tenant(), request.customer, request.view_id)
            await record(conn)
        return pb.DeleteViewResponse()


def served(deps: Deps) -> Served:
    """Describe the service to the server."""
    return Served(
        add=lambda server: pb_grpc.add_PortalServiceServicer_to_server(PortalServicer(deps), server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["PortalService"]),
        owners=owners(deps),
    )
