"""Saved views as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventlog.wire import timestamp
from metering.portal.v1 import session_pb2 as pb

if TYPE_CHECKING:
    from portal.domain.saved_views import SavedView


def view_to_proto(customer: str, view: SavedView) -> pb.SavedView:
    """Return the message of a saved view."""
    return pb.SavedView(
        id=view.id, customer=customer, name=view.name, query=view.query, created_at=timestamp(view.created_at)
    )
