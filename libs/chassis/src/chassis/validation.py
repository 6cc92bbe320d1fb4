"""Checks requests against the rules written in their contract (protovalidate), and names each field that breaks one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import protovalidate

from chassis.errors import VIOLATIONS_MAX, FieldViolation, InvalidRequest, Reason

if TYPE_CHECKING:
    from google.protobuf.message import Message

# Compiled rules are kept per message type inside; one for the process.
_VALIDATOR: Final = protovalidate.Validator()
_REQUIRED_RULES: Final = frozenset({"required", "string.min_len", "string.min_bytes", "repeated.min_items"})


def check_request(request: Message) -> None:
    """Raise InvalidRequest naming every field of `request` that breaks its contract."""
    found = _VALIDATOR.collect_violations(request)
    if not found:
        return
    violations = tuple(_violation(item) for item in found[:VIOLATIONS_MAX])
    first = violations[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise InvalidRequest(Reason.REQUEST_INVALID, f"{first.field}: {first.message}{more}", violations=violations)


def _violation(found: protovalidate.Violation) -> FieldViolation:
    violation = found.proto
    path = ""
    for element in violation.field.elements if violation.field else ():
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:
            path += f"[{element.subscript.value}]"
    # "Too short" of an empty value is a missing one; a value that is there but wrong is another matter.
    is_missing = violation.rule_id in _REQUIRED_RULES and not found.field_value
    reason = Reason.FIELD_REQUIRED if is_missing or violation.rule_id == "required" else Reason.FIELD_INVALID
    return FieldViolation(path or "request", reason, violation.message or "is not allowed")
