"""Views that somebody saved to come back to. A customer's sessions share them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from chassis.postgres import transaction
from portal.domain.saved_views import SavedView
from portal.domain.views import View
from portal.operations.saved_views import delete_view, list_views, presets_of, save_view
from portal.web.answers import sent
from portal.web.parts import parts_of
from portal.web.sessions import AnyViewer, check_may_change

router = APIRouter()


class ViewToSave(View):
    """A page with all choices that were made on it, and a name for it."""

    name: str
    query: str


@router.get("/views", response_model=list[SavedView])
async def views(request: Request, viewer: AnyViewer) -> Response:
    """The views of the seller's profile, in its order, then all saved ones by name."""
    saved_ones = await list_views(parts_of(request).deps, viewer.tenant, viewer.customer)
    return sent(request, [*presets_of(viewer.profile), *saved_ones])


@router.post("/views", response_model=SavedView)
async def saved(request: Request, viewer: AnyViewer, wanted: ViewToSave) -> Response:
    """Save a view; one of the same name is replaced."""
    check_may_change(viewer)
    deps = parts_of(request).deps
    async with transaction(deps.engine) as conn:
        view = await save_view(deps, conn, viewer.tenant, viewer.customer, name=wanted.name, query=wanted.query)
    return sent(request, view)


@router.delete("/views/{viewId}", status_code=204)
async def deleted(
    request: Request, viewer: AnyViewer, view_id: Annotated[str, Path(alias="viewId", max_length=64)]
) -> Response:
    """Delete a saved view; one that does not exist is no error."""
    check_may_change(viewer)
    async with transaction(parts_of(request).deps.engine) as conn:
        await delete_view(conn, viewer.tenant, viewer.customer, view_id)
    return Response(status_code=204)
