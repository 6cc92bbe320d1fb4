"""Pages of a list: how many entries a page has, and the token that says where the next page begins."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from chassis.errors import InvalidRequest, Reason, invalid_field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.message import Message

Entry = TypeVar("Entry")
Rendered = TypeVar("Rendered", bound="Message")
PAGE_BYTES_MAX: Final = 3 * 1024 * 1024
"""Most bytes of the entries of one page; clients commonly take messages of 4 MiB. One entry always fits."""
_PAGE_SIZE_DEFAULT: Final = 100
_INTEGER_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """A part of a list, and the token of the next part (empty on the last page)."""

    entries: Sequence[Entry]
    next_page_token: str = ""


def page_of(found: Sequence[Entry], limit: int, place: Callable[[Entry], tuple[str | int, ...]]) -> Page[Entry]:
    """Return a page of `found`, which was read with one entry more than `limit`; `place` says where an entry lies."""
    if len(found) <= limit:
        return Page(found)
    return Page(found[:limit], page_token(*place(found[limit - 1])))


def fitting(entries: Sequence[Entry], bytes_of: Callable[[Entry], int]) -> Sequence[Entry]:
    """Return as many entries from the start as fit into one message, at least one."""
    total_bytes = 0
    for count, entry in enumerate(entries):
        total_bytes += bytes_of(entry)
        if count and total_bytes > PAGE_BYTES_MAX:
            return entries[:count]
    return entries


def rendered(
    page: Page[Entry], render: Callable[[Entry], Rendered], place: Callable[[Entry], tuple[str | int, ...]]
) -> Page[Rendered]:
    """Return a page as messages, as many as fit into one message; `place` says where an entry lies."""
    messages = fitting([render(entry) for entry in page.entries], lambda message: message.ByteSize())
    if len(messages) == len(page.entries):
        return Page(messages, page.next_page_token)
    return Page(messages, page_token(*place(page.entries[len(messages) - 1])))


def page_limit(page_size: int) -> int:
    """Return how many entries a page has; 0 asks for the default."""
    return page_size or _PAGE_SIZE_DEFAULT


def page_token(*place: str | int) -> str:
    """Return a page token, opaque to callers, that holds a place in a list."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def place_in(token: str, kinds: Sequence[type]) -> tuple[Any, ...] | None:
    """Return the place that a page token holds, None for the empty token. Raises InvalidRequest PAGE_TOKEN_INVALID."""
    if not token:
        return None
    try:
        place = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        place = None
    if isinstance(place, list) and [type(part) for part in place] == list(kinds) and all(map(_fits, place)):
        return tuple(place)
    raise page_token_invalid()


def page_token_invalid() -> InvalidRequest:
    """Return the error for a page token that this list did not make."""
    return invalid_field("page_token", Reason.PAGE_TOKEN_INVALID, "is not from this list; begin without it")


def name_in(token: str) -> str:
    """Return the name after which the page of a list by name begins, or "" for the first. Raises InvalidRequest."""
    (name,) = place_in(token, [str]) or ("",)
    return str(name)


def _fits(part: str | int) -> bool:
    """Whether a database can compare a part of a made-up token with what it holds."""
    if isinstance(part, int):
        return -1 <= part <= _INTEGER_MAX
    # JSON can spell half a surrogate pair, which no text holds.
    return "\0" not in part and part.encode(errors="ignore").decode() == part
