"""Sessions as messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason, invalid_field
from chassis.rpc.pages import page_token_invalid, place_in
from eventlog.wire import timestamp
from metering.portal.v1 import portal_service_pb2 as service_pb
from metering.portal.v1 import session_pb2 as pb
from portal.domain.operators import MadeSession, SessionToMake
from portal.domain.sessions import TTL_DEFAULT, TTL_MAX, PageName, Session, SessionKind, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.timestamp_pb2 import Timestamp

    from portal.operations.sessions import Made

_KINDS: Final[Mapping[int, SessionKind]] = {
    pb.SessionKind.Value(f"SESSION_KIND_{kind.name}"): kind for kind in SessionKind
}
_KIND_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}
_PAGES: Final[Mapping[int, PageName]] = {pb.PortalPage.Value(f"PORTAL_PAGE_{page.name}"): page for page in PageName}
_PAGE_NUMBERS: Final = {page: number for number, page in _PAGES.items()}


def pages_from_proto(numbers: Iterable[int]) -> tuple[PageName, ...]:
    """Return the pages that a message names, in the portal's order."""
    named = {_PAGES[number] for number in numbers}
    return tuple(page for page in PageName if page in named)


def pages_to_proto(pages: Iterable[PageName]) -> list[int]:
    """Return pages as a message names them."""
    return [_PAGE_NUMBERS[page] for page in pages]


def wanted_from_proto(request: service_pb.CreateSessionRequest) -> Wanted:
    """Return the session that is asked for. Raises InvalidRequest."""
    ttl = TTL_DEFAULT
    if request.HasField("ttl"):
        # protoc's Duration reaches further than timedelta; both refusals are the same to the caller.
        if not 0 < request.ttl.seconds <= TTL_MAX.total_seconds() or request.ttl.nanos:
            text = "give whole seconds, from one second to one hour; make a new session later"
            raise invalid_field("ttl", Reason.FIELD_INVALID, text)
        ttl = timedelta(seconds=request.ttl.seconds)
    return Wanted(
        customer=request.customer,
        kind=_KINDS[request.kind],
        pages=pages_from_proto(request.pages),
        locale=request.locale,
        ttl=ttl,
        reason=request.reason,
    )


def session_to_proto(session: Session) -> pb.Session:
    """Return the message of a session."""
    return pb.Session(
        id=session.id,
        kind=pb.SessionKind.ValueType(_KIND_NUMBERS[session.kind]),
        customer=session.customer,
        pages=map(pb.PortalPage.ValueType, pages_to_proto(session.pages)),
        locale=session.locale,
        reason=session.reason,
        created_by=session.created_by,
        created_at=timestamp(session.created_at),
        ends_at=timestamp(session.ends_at()),
        redeemed_at=_optional(session.redeemed_at),
        revoked_at=_optional(session.revoked_at),
        last_used_at=_optional(session.last_used_at),
    )


def made_to_proto(made: Made, url: str) -> service_pb.CreateSessionResponse:
    """Return a session with its secret."""
    return service_pb.CreateSessionResponse(
        session=session_to_proto(made.session), token=made.secret, url=url if made.session.has_code else ""
    )


def to_make(wanted: SessionToMake) -> service_pb.CreateSessionRequest:
    """Return the request for a session that somebody of the seller asks for."""
    kind = pb.SessionKind.ValueType(_KIND_NUMBERS[wanted.kind])
    return service_pb.CreateSessionRequest(customer=wanted.customer, kind=kind, reason=wanted.reason)


def made_from_proto(message: service_pb.CreateSessionResponse) -> MadeSession:
    """Return a session that was made; of one whose address is opened, the code is in the address alone."""
    return MadeSession(id=message.session.id, token=None if message.url else message.token, url=message.url or None)


def place_after(token: str) -> tuple[datetime, str] | None:
    """Return after which session a page begins, None for the first page. Raises InvalidRequest."""
    place = place_in(token, [str, str])
    if place is None:
        return None
    try:
        at = datetime.fromisoformat(place[0])
    except ValueError:
        raise page_token_invalid() from None
    if at.tzinfo is None:
        raise page_token_invalid()
    return at, place[1]


def _optional(instant: datetime | None) -> Timestamp | None:
    return None if instant is None else timestamp(instant)
