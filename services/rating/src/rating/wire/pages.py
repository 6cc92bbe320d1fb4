"""Page tokens of lists by name: opaque to callers, the last name of the page to us."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from chassis.errors import Reason, invalid_field

PAGE_SIZE_DEFAULT: Final = 100
_PREFIX: Final = b"n1:"


def page_limit(page_size: int) -> int:
    """Give how many entries a page holds; 0 asks for the default."""
    return page_size or PAGE_SIZE_DEFAULT


def page_token_to_text(last_name: str) -> str:
    """Give the token of the page after the one that ends with `last_name`."""
    return base64.urlsafe_b64encode(_PREFIX + last_name.encode()).decode()


def page_token_from_text(token: str) -> str:
    """Give the name after which the page begins; empty for the first page. Raises InvalidRequest."""
    if not token:
        return ""
    try:
        raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        # No name holds a NUL, and Postgres takes none.
        if raw.startswith(_PREFIX) and b"\x00" not in raw:
            return raw.removeprefix(_PREFIX).decode()
    except (binascii.Error, UnicodeError):
        pass
    raise invalid_field("page_token", Reason.PAGE_TOKEN_INVALID, "is not one of this list; start at the first page")
