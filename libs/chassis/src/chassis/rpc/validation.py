"""Checks every request before its handler runs, and names the fields at fault.

First comes a rule for every text, wherever it is: Postgres can't store U+0000. Then come the rules written in the
contract itself (protovalidate). How long lists are was checked before (`chassis.rpc.lengths`).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from chassis.errors import FieldViolation, InvalidRequest, Reason, invalid_field
from chassis.errors.status import VIOLATIONS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# It caches the compiled rules of each message type, so there is one for the process.
_VALIDATOR: Final = protovalidate.Validator()
_LARGE_FROM_BYTES: Final = 64 * 1024
"""In a request from this size on, violations are collected entry by entry, and only as many as are told."""
_PATTERN: Final = "string.pattern"
_REQUIRED_RULES: Final = frozenset({"required", "string.min_len", "string.min_bytes", "repeated.min_items"})

_MISSING: Final = "is missing"

_BILLING_PERIOD: Final = "a billing period, such as 2013-01, 2013-01-31, 2013-W05, 2013-Q1 or 2013"
_FORMATS: Final = {
    "^[A-Z]{3}$": "must be three capital letters of ISO 4217, such as EUR",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "must be a day, such as 2013-01-31",
    "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$": "must be a day, such as 2013-01-31, or left out",
    "^[0-9]{4}(-([0-9]{2}(-[0-9]{2})?|W[0-9]{2}|Q[1-4]))?$": f"must be {_BILLING_PERIOD}",
    "^([0-9]{4}(-([0-9]{2}(-[0-9]{2})?|W[0-9]{2}|Q[1-4]))?)?$": f"must be {_BILLING_PERIOD}, or left out",
    "^(([01][0-9]|2[0-3]):[0-5][0-9])?$": "must be a time of day, such as 08:00, or left out",
    "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)?$": "must be a time of day, such as 20:00, or left out",
    "^[0-9]{4}-[0-9]{2}$": "must be a month, such as 2013-01",
    "^([0-9]{4}-[0-9]{2})?$": "must be a month, such as 2013-01, or left out",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": "must be 1 to 64 letters a to z or A to Z, digits, dots, hyphens and "
    "underscores, with a letter or digit first, such as standard-2013",
    "^[a-z0-9][a-z0-9._-]{0,63}$": "must be 1 to 64 small letters a to z, digits, dots, hyphens and underscores, with "
    "a letter or digit first, such as sms.outbound",
    "^[A-Z0-9][A-Z0-9-]{0,15}$": "must be 1 to 16 capital letters A to Z, digits and hyphens, with a letter or digit "
    "first, such as INV",
}
"""What each pattern of the contracts asks for, in words: nobody should have to read a regular expression."""


def check_texts(request: Message, data: bytes) -> None:
    """Raise InvalidRequest TEXT_INVALID for the first text with a NUL; `data` is what `request` was parsed from."""
    # The bytes contain each text as it is, so without a zero byte (nearly always) there is nothing to search.
    if b"\0" not in data:
        return
    for path, text in _texts(request, ""):
        if "\0" in text:
            raise invalid_field(path, Reason.TEXT_INVALID, "holds the character U+0000; use printable text")


def check_request(request: Message) -> None:
    """Raise InvalidRequest for `request` if it breaks its contract; the error names the fields that do."""
    is_large = request.ByteSize() >= _LARGE_FROM_BYTES
    found = [_violation(item) for item in _VALIDATOR.collect_violations(request, fail_fast=is_large)]
    if not found:
        return
    if is_large:
        found = list(islice(_violations_of_entries(request), VIOLATIONS_MAX)) or found
    violations = tuple(found[:VIOLATIONS_MAX])
    first = violations[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise InvalidRequest(Reason.REQUEST_INVALID, f"{first.field}: {first.message}{more}", violations=violations)


def _violations_of_entries(request: Message) -> Iterator[FieldViolation]:
    """Look at one entry of the request's lists after the other; nobody reads thousands of violations."""
    for field, value in request.ListFields():
        if field.message_type is None or not field.is_repeated or field.message_type.GetOptions().map_entry:
            continue
        for index, entry in enumerate(value):
            is_large = entry.ByteSize() >= _LARGE_FROM_BYTES
            for item in _VALIDATOR.collect_violations(entry, fail_fast=is_large):
                found = _violation(item)
                yield replace(found, field=f"{field.name}[{index}].{found.field}")


def _texts(message: Message, parent: str) -> Iterator[tuple[str, str]]:
    """Yield every text in `message`, however deep, with its path from the root."""
    for field, value in message.ListFields():
        path = f"{parent}{field.name}"
        if field.type == FieldDescriptor.TYPE_STRING:
            texts = enumerate(value) if field.is_repeated else [(None, value)]
            for index, text in texts:
                yield (path if index is None else f"{path}[{index}]"), text
        elif field.message_type is not None and not field.is_repeated:
            yield from _texts(value, f"{path}.")
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            yield from _texts_of_map(value, path)
        elif field.message_type is not None:
            for index, item in enumerate(value):
                yield from _texts(item, f"{path}[{index}].")


def _texts_of_map(entries: Mapping[Any, Any], path: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of a map; a text in a key is named after the map. Keys and values may also be numbers."""
    for key, item in entries.items():
        yield path, str(key)
        if isinstance(item, str):
            yield f"{path}[{key}]", item
        elif isinstance(item, Message):
            yield from _texts(item, f"{path}[{key}].")


def _violation(found: protovalidate.Violation) -> FieldViolation:
    violation = found.proto
    path = ""
    for element in violation.field.elements if violation.field else ():
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:
            path += f"[{element.subscript.value}]"
    # "Too short" means a missing value if it is empty; a value that is there but wrong is a different error.
    is_missing = violation.rule_id in _REQUIRED_RULES and not found.field_value
    reason = Reason.FIELD_REQUIRED if is_missing or violation.rule_id == "required" else Reason.FIELD_INVALID
    return FieldViolation(path or "request", reason, _MISSING if is_missing else _told(found))


def _told(found: protovalidate.Violation) -> str:
    if found.proto.rule_id == _PATTERN:
        return _FORMATS.get(str(found.rule_value), "is not in the form that the field takes")
    return found.proto.message or "is not allowed"
