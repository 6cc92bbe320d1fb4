"""The seller's form for the profile: read, tried on a customer's pages, and saved."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from metering.portal.v1 import portal_service_pb2 as pb
from portal.domain.branding import Preview, ProfileToApply, ProfileToPreview, StoredProfile
from portal.operations.branding import preview_of
from portal.web.answers import sent
from portal.web.parts import parts_of
from portal.web.sessions import Operator
from portal.wire.branding import spec_from_document, stored_from_proto
from portal.wire.profiles import profile_from_proto

router = APIRouter(prefix="/operator/profile")


@router.get("", response_model=StoredProfile)
async def profile(request: Request, _: Operator, version: int = 0) -> Response:
    """A version of the profile; 0 = the newest."""
    parts = parts_of(request)
    found: pb.GetProfileResponse = await parts.own_calls.call(pb.GetProfileRequest(version=max(0, version)))
    return sent(request, stored_from_proto(found.profile, found.versions, parts.deps.public_url))


@router.post("", response_model=StoredProfile)
async def applied_profile(request: Request, _: Operator, wanted: ProfileToApply) -> Response:
    """Save the profile as a new version; the same content again changes nothing."""
    parts = parts_of(request)
    await parts.own_calls.call(pb.ApplyProfileRequest(spec=spec_from_document(wanted.spec)))
    found: pb.GetProfileResponse = await parts.own_calls.call(pb.GetProfileRequest())
    return sent(request, stored_from_proto(found.profile, found.versions, parts.deps.public_url))


@router.post("/preview", response_model=Preview)
async def previewed_profile(request: Request, operator: Operator, wanted: ProfileToPreview) -> Response:
    """What a customer's pages would be told first with a profile that is not saved, and what is wrong with it."""
    deps, profile = parts_of(request).deps, profile_from_proto(spec_from_document(wanted.spec))
    preview = await preview_of(deps, operator.tenant, wanted.customer, wanted.locale, profile, wanted.session)
    return sent(request, preview)
