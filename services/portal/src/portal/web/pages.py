"""The shell of every page, the files it loads, and the seller's logo."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Any, Final

import jinja2
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from chassis.errors import MeterlineError, NotFound, Reason
from portal.domain.sessions import PageName
from portal.operations.profiles import find_profile, profile_in_force
from portal.web.parts import parts_of
from portal.web.sessions import AnyViewer, viewer

router = APIRouter(include_in_schema=False)
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FilePath(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
_FOREVER: Final = "public, max-age=31536000, immutable"
_FIVE_MINUTES: Final = "public, max-age=300"


def rendered(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page made of a template."""
    assets = parts_of(request).assets
    text = _TEMPLATES.get_template(template).render(status=status, tokens=assets.url("tokens.css"), **values)
    return HTMLResponse(text, status_code=status, headers={"cache-control": "no-store"})


# Before the pages, any of which its name might be.
@router.get("/seller/preview")
async def preview(request: Request) -> HTMLResponse:
    """Show a customer's pages inside the seller's form, by a profile that is not saved."""
    # Read by the middleware that writes the headers.
    request.state.frame_ancestors = ("'self'",)
    return rendered(request, "preview.html", kit=parts_of(request).assets.url("operator.js"))


@router.get("/seller")
@router.get("/seller/{rest:path}")
async def seller(request: Request) -> HTMLResponse:
    """Show the seller's pages; they ask by the token that whoever looks has."""
    # Read by the middleware that writes the headers.
    request.state.frames_own = True
    return rendered(request, "seller.html", kit=parts_of(request).assets.url("operator.js"))


@router.get("/")
@router.get("/{page}")
@router.get("/invoices/{number}")
@router.get("/invoices/{number}/{rest:path}")
async def shell(request: Request, page: PageName = PageName.OVERVIEW) -> HTMLResponse:
    """Show the elements of the kit to whoever has opened a link; they ask for the rest themselves."""
    try:
        await viewer(request)
    except MeterlineError as error:
        return rendered(request, "problem.html", status=401, text=error.message)
    return rendered(request, "shell.html", page=page.value, kit=parts_of(request).assets.url("kit.js"))


@router.get("/embed/{tenant}/{page}")
async def embedded(request: Request, tenant: Annotated[str, Path(max_length=128)], page: PageName) -> HTMLResponse:
    """Show one element in a frame of a page that the tenant's profile allows; its token comes in a message."""
    deps = parts_of(request).deps
    profile = await profile_in_force(deps, tenant)
    # Read by the middleware that writes the headers.
    request.state.frame_ancestors = profile.allowed_origins
    kit = parts_of(request).assets.url("kit.js")
    return rendered(request, "frame.html", page=page.value, kit=kit, origins=" ".join(profile.allowed_origins))


@router.get("/branding/logo-{version}.png")
async def logo(request: Request, found: AnyViewer, version: int) -> Response:
    """Return the logo of a version of the tenant's profile."""
    profile = (await find_profile(parts_of(request).deps, found.tenant, version)).profile
    if not profile.logo_png:
        raise NotFound(Reason.VIEW_NOT_FOUND, "there is no logo; apply a profile that has one")
    headers = {"cache-control": "private, max-age=31536000, immutable", "content-security-policy": "sandbox"}
    return Response(profile.logo_png, media_type="image/png", headers=headers)


@router.get("/assets/{digest}/{name:path}")
async def asset(request: Request, digest: str, name: str) -> Response:
    """Return a file whose address names its content."""
    assets = parts_of(request).assets
    found = assets.find(name)
    if found is None or assets.digest != digest:
        raise _no_file()
    return Response(found.content, media_type=found.media_type, headers={"cache-control": _FOREVER})


@router.get("/ui/v1/{name:path}")
async def kit(request: Request, name: str) -> Response:
    """Return a file of the kit at an address that stays, for pages that embed it; no cookie is looked at."""
    found = parts_of(request).assets.find(name)
    if found is None:
        raise _no_file()
    headers = {
        "cache-control": _FIVE_MINUTES,
        "etag": f'"{found.digest}"',
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


def _no_file() -> NotFound:
    return NotFound(Reason.VIEW_NOT_FOUND, "there is no such file; build the kit with `make ui`, or reload the page")
