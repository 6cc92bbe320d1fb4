"""The profile as the document that the seller's form edits: protobuf's own JSON, as in the file of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from chassis.errors import InvalidRequest, Reason
from chassis.rpc.validation import check_request
from eventlog.wire import instant_from_proto
from metering.portal.v1 import profile_pb2 as pb
from portal.domain.branding import StoredProfile, verdicts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def spec_from_document(document: Mapping[str, Any]) -> pb.ProfileSpec:
    """Return the profile of a document. Raises InvalidRequest."""
    try:
        spec: pb.ProfileSpec = json_format.ParseDict(dict(document), pb.ProfileSpec())
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise InvalidRequest(Reason.FIELD_INVALID, f"spec is no profile: {error}; correct what it names") from None
    check_request(spec)
    return spec


def stored_from_proto(profile: pb.Profile, versions: Iterable[int], public_url: str) -> StoredProfile:
    """Return a version of the profile."""
    return StoredProfile(
        version=profile.version,
        spec=json_format.MessageToDict(profile.spec),
        created_at=instant_from_proto(profile.created_at) if profile.HasField("created_at") else None,
        versions=tuple(versions),
        verdicts=verdicts_of(profile.spec.accent, profile.spec.accent_dark),
        public_url=public_url,
    )
