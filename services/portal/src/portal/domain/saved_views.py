"""Views that somebody saved to come back to."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import Field

from chassis.errors import Reason
from chassis.errors.refused import Refused
from chassis.text import check_name
from portal.domain.views import View

NAME_CHARS_MAX: Final = 80
QUERY_CHARS_MAX: Final = 2000
VIEWS_PER_CUSTOMER_MAX: Final = 100


class SavedView(View):
    """A page of the portal with all choices that were made on it."""

    id: str
    name: str
    query: str = Field(description="Path and query of the page.", examples=["/usage?meter=flights&groupBy=origin"])
    created_at: datetime
    is_preset: bool = Field(
        description="Whether it is of the seller's profile: every customer has it, and none deletes it."
    )


def check_saved_view(name: str, query: str) -> None:
    """Refuse what can't be saved. Raises Refused for `name` or `query`."""
    if not name or len(name) > NAME_CHARS_MAX:
        raise Refused("name", Reason.FIELD_INVALID, f"give the view a name of 1 to {NAME_CHARS_MAX} characters")
    check_name("name", name)
    is_path = query.startswith("/") and not query.startswith("//")
    if not is_path or len(query) > QUERY_CHARS_MAX or not query.isascii() or not query.isprintable():
        text = f"save a page with its query, such as /usage?window=day, of at most {QUERY_CHARS_MAX} characters"
        raise Refused("query", Reason.FIELD_INVALID, text)
