"""Billing profiles as messages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration

from chassis.errors import Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.text import check_name
from eventlog.wire import timestamp
from invoicing.domain.profiles import GRACE_MAX, BillingProfile
from metering.common.v1 import values_pb2
from metering.invoicing.v1 import invoice_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2 as service_pb

if TYPE_CHECKING:
    from invoicing.operations.profiles import AppliedProfile


def profile_from_proto(message: pb.BillingProfileSpec, default: BillingProfile) -> BillingProfile:
    """Return a billing profile; what is absent is taken from the default. Raises InvalidRequest."""
    grace = default.grace
    if message.HasField("grace"):
        # protoc's Duration reaches further than timedelta; both refusals are the same to the caller.
        if not 0 <= message.grace.seconds <= GRACE_MAX.total_seconds():
            raise invalid_field("spec.grace", Reason.FIELD_INVALID, "grace must lie between 0 and 90 days")
        if message.grace.nanos:
            raise invalid_field("spec.grace", Reason.FIELD_INVALID, "grace is given in whole seconds")
        grace = timedelta(seconds=message.grace.seconds)
    with refusals("spec"):
        check_name("seller", message.seller)
    return BillingProfile(
        version=0, seller=message.seller or default.seller, number_prefix=message.number_prefix, grace=grace
    )


def profile_to_proto(profile: BillingProfile) -> pb.BillingProfile:
    """Return the message of a billing profile."""
    spec = pb.BillingProfileSpec(
        seller=profile.seller,
        number_prefix=profile.number_prefix,
        grace=Duration(seconds=int(profile.grace.total_seconds())),
    )
    created_at = None if profile.created_at is None else timestamp(profile.created_at)
    return pb.BillingProfile(version=profile.version, spec=spec, created_at=created_at)


def applied_to_proto(applied: AppliedProfile) -> service_pb.ApplyBillingProfileResponse:
    """Return what applying a profile did."""
    outcome = values_pb2.APPLY_OUTCOME_UNCHANGED
    if applied.was_added:
        is_first = applied.profile.version == 1
        outcome = values_pb2.APPLY_OUTCOME_CREATED if is_first else values_pb2.APPLY_OUTCOME_NEW_VERSION
    return service_pb.ApplyBillingProfileResponse(outcome=outcome, profile=profile_to_proto(applied.profile))
