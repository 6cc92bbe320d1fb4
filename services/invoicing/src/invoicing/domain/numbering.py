"""Invoice numbers and line ids: how they are written and read."""

from __future__ import annotations

import re
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused

DRAFT: Final = "draft"
_SEQUENCE_DIGITS_MIN: Final = 6
_NUMBER: Final = re.compile(r"(?P<prefix>[A-Z0-9][A-Z0-9-]{0,15})-(?P<sequence>[0-9]{6,18})", re.ASCII)
_LINE_ID: Final = re.compile(r"(?P<number>[A-Z0-9-]{1,40})\.(?P<ordinal>[1-9][0-9]{0,5})", re.ASCII)


def invoice_number(prefix: str, sequence: int) -> str:
    """Write the number of an invoice: prefix, a dash, at least six digits. Example: `INV-000017`."""
    return f"{prefix}-{sequence:0{_SEQUENCE_DIGITS_MIN}d}"


def read_number(text: str) -> tuple[str, int]:
    """Return prefix and sequence of the number of an invoice. Raises `Refused`."""
    found = _NUMBER.fullmatch(text)
    if found is None or not int(found["sequence"]) or invoice_number(found["prefix"], int(found["sequence"])) != text:
        message = f"{text!r} is no invoice number; write it as the invoice bears it, such as INV-000017"
        raise Refused("number", Reason.FIELD_INVALID, message)
    return found["prefix"], int(found["sequence"])


def line_id(number: str, ordinal: int) -> str:
    """Write the id of a line: number, a point, ordinal from 1. Example: `INV-000017.3`."""
    return f"{number}.{ordinal}"


def is_draft_line_id(text: str) -> bool:
    """Tell whether a text names a line of a draft, such as `draft.3`."""
    return text.startswith(f"{DRAFT}.")


def is_line_id(text: str) -> bool:
    """Tell whether a text has the form of a line id of a final invoice."""
    return _LINE_ID.fullmatch(text) is not None
