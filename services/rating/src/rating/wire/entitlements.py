"""Entitlements, grants and reservations as messages."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from chassis.errors import Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.text import check_name
from eventlog.wire import as_of_from_proto, as_of_to_proto, period_to_proto, timestamp
from metering.rating.v1 import entitlement_pb2 as pb
from money import INPUT, ZERO, InvalidDecimalError, format_decimal, parse_decimal
from rating.domain.billing_period import parse_day
from rating.domain.reservations import TTL_DEFAULT_S, Reservation
from rating.operations.entitlements import Checked, GrantDraft

if TYPE_CHECKING:
    from eventlog.as_of import AsOf
    from rating.domain.allowance import Grant, Source, Standing
    from rating.domain.entitlements import Entitled
    from rating.operations.entitlements import Problem
    from rating.operations.reservations import Reserved


# --- checks ----------------------------------------------------------------------------------------------------------


def wanted_from_proto(request: pb.CheckEntitlementRequest) -> Decimal | None:
    """Return how much is to be used; None: one unit. Raises InvalidRequest."""
    return _quantity("quantity", request.quantity) if request.quantity else None


def checked_to_proto(checked: Checked) -> pb.CheckEntitlementResponse:
    """Return a verdict."""
    return pb.CheckEntitlementResponse(
        allowed=checked.verdict.allows,
        verdict=pb.EntitlementVerdict.Value(f"ENTITLEMENT_VERDICT_{checked.verdict.value}"),
        entitlement=entitlement_to_proto(checked),
    )


def entitlement_to_proto(checked: Checked) -> pb.Entitlement | None:
    """Return how a feature stands; None where there is nothing that could stand."""
    found, standing = checked.found, checked.standing
    if found is None or standing is None:
        return None
    message = pb.Entitlement(
        feature=found.feature.name,
        contract=found.contract,
        value=found.feature.value,
        period=period_to_proto(found.allowance.stretch.of.period),
    )
    if found.counted is not None:
        _tell_counted(message, found, standing)
        message.unit = found.counted.unit
        message.as_of.CopyFrom(as_of_to_proto(found.counted.as_of))
        message.staleness_ms = round(checked.staleness_s * 1000)
    return message


def listed_to_proto(found: Checked | Problem) -> pb.Entitlement | None:
    """Return how a feature stands, or why nobody can tell; None where there is nothing that could stand."""
    if isinstance(found, Checked):
        return entitlement_to_proto(found)
    return pb.Entitlement(feature=found.feature, problem=found.message)


def _tell_counted(message: pb.Entitlement, found: Entitled, standing: Standing) -> None:
    message.meter, message.soft = found.feature.meter, found.feature.is_soft
    message.limit = _optional(standing.limit)
    message.used = format_decimal(standing.used)
    message.held = format_decimal(standing.held)
    message.remaining = _optional(standing.remaining)
    message.beyond = format_decimal(standing.beyond)
    message.sources.extend(_source_to_proto(source) for source in standing.sources if source.remaining != ZERO)


def _source_to_proto(source: Source) -> pb.AllowanceSource:
    return pb.AllowanceSource(
        kind=pb.AllowanceKind.Value(f"ALLOWANCE_KIND_{source.kind.value}"),
        name=source.name,
        remaining=_optional(source.remaining),
        expires_at=None if source.expires_at is None else timestamp(source.expires_at),
    )


# --- grants ----------------------------------------------------------------------------------------------------------


def grant_from_proto(request: pb.GrantEntitlementRequest) -> GrantDraft:
    """Return what is to be granted. Raises InvalidRequest."""
    with refusals():
        check_name("note", request.note)
        first_day = parse_day("from", getattr(request, "from")) if getattr(request, "from") else None
        until = parse_day("until", request.until) if request.until else None
    return GrantDraft(
        request.customer,
        request.feature,
        _quantity("quantity", request.quantity),
        first_day,
        until,
        request.priority,
        request.note,
    )


def grant_to_proto(grant: Grant) -> pb.Grant:
    """Return the message of a grant."""
    revocation = grant.revocation
    return pb.Grant(
        id=grant.id,
        customer=grant.customer,
        feature=grant.feature,
        quantity=format_decimal(grant.quantity),
        until="" if grant.until is None else grant.until.isoformat(),
        priority=grant.priority,
        note=grant.note,
        granted_at=timestamp(grant.granted_at),
        revoked_at=None if revocation is None else timestamp(revocation.revoked_at),
        revoked_from="" if revocation is None else revocation.first_day.isoformat(),
        revoked_reason="" if revocation is None else revocation.reason,
        **{"from": grant.first_day.isoformat()},
    )


def revoked_from_proto(request: pb.RevokeGrantRequest) -> str:
    """Return why a grant is taken back. Raises InvalidRequest."""
    with refusals():
        check_name("reason", request.reason)
    return request.reason


# --- reservations ----------------------------------------------------------------------------------------------------


def reservation_from_proto(request: pb.ReserveUsageRequest) -> Reservation:
    """Return the reservation that is asked for. Raises InvalidRequest."""
    with refusals():
        check_name("reservation", request.reservation)
    quantity = _quantity("quantity", request.quantity)
    if quantity <= ZERO:
        raise invalid_field("quantity", Reason.ENTITLEMENT_INVALID, "must be above zero")
    return Reservation(
        request.reservation,
        request.customer,
        request.feature,
        asked=quantity,
        quantity=quantity,
        is_partial=request.partial,
        ttl_s=request.ttl_s or TTL_DEFAULT_S,
        # Until it is made; that is when it is decided.
        made_at=datetime.max.replace(tzinfo=UTC),
    )


def settled_from_proto(request: pb.SettleReservationRequest) -> tuple[Decimal, AsOf | None]:
    """Return what was used, and where its event lies in the log. Raises InvalidRequest."""
    reported = as_of_from_proto(request.reported) if request.HasField("reported") else None
    return _quantity("quantity", request.quantity), reported


def reserved_to_proto(reserved: Reserved, now: datetime) -> pb.ReserveUsageResponse:
    """Return what was reserved."""
    verdict = reserved.checked.verdict
    return pb.ReserveUsageResponse(
        allowed=verdict.allows,
        verdict=pb.EntitlementVerdict.Value(f"ENTITLEMENT_VERDICT_{verdict.value}"),
        reservation=None if reserved.reservation is None else reservation_to_proto(reserved.reservation, now),
        entitlement=entitlement_to_proto(reserved.checked),
    )


def reservation_to_proto(reservation: Reservation, now: datetime) -> pb.Reservation:
    """Return the message of a reservation."""
    settled = None if reservation.outcome is None else reservation.outcome.quantity
    return pb.Reservation(
        id=reservation.id,
        customer=reservation.customer,
        feature=reservation.feature,
        quantity=format_decimal(reservation.quantity),
        state=pb.ReservationState.Value(f"RESERVATION_STATE_{reservation.state(now).value}"),
        settled_quantity=_optional(settled),
        expires_at=timestamp(reservation.expires_at),
    )


def _quantity(field: str, text: str) -> Decimal:
    try:
        return parse_decimal(text, INPUT, allow_negative=False)
    except InvalidDecimalError as error:
        raise invalid_field(field, Reason.FIELD_INVALID, error.message) from error


def _optional(value: Decimal | None) -> str:
    return "" if value is None else format_decimal(value)
