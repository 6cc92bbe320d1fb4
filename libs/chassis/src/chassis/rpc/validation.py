"""Checks every request before its handler runs, and names the fields at fault.

First come the lengths of long lists, because the other rules look at every entry, some of them at every pair. Then
comes a rule for every text, wherever it is: Postgres can't store U+0000. Then come the rules written in the contract
itself (protovalidate).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from chassis.errors import FieldViolation, InvalidRequest, Reason, invalid_field
from chassis.errors.status import VIOLATIONS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.descriptor import Descriptor

# It caches the compiled rules of each message type, so there is one for the process.
_VALIDATOR: Final = protovalidate.Validator()
_REQUIRED_RULES: Final = frozenset({"required", "string.min_len", "string.min_bytes", "repeated.min_items"})

_ENTRIES_MAX: Final = 10_000
"""Entries of a list for which the contract says nothing."""
_LONG_FROM_BYTES: Final = 4096
"""A smaller request holds no list that is long enough to hurt."""


def check_lengths(request: Message, data: bytes) -> None:
    """Raise InvalidRequest for the first list or map with more entries than its contract allows."""
    if len(data) >= _LONG_FROM_BYTES:
        _check_lengths(request, "")


def check_texts(request: Message, data: bytes) -> None:
    """Raise InvalidRequest TEXT_INVALID for the first text with a NUL; `data` is what `request` was parsed from."""
    # The bytes contain each text as it is, so without a zero byte (nearly always) there is nothing to search.
    if b"\0" not in data:
        return
    for path, text in _texts(request, ""):
        if "\0" in text:
            raise invalid_field(path, Reason.TEXT_INVALID, "holds the character U+0000; use printable text")


def check_request(request: Message) -> None:
    """Raise InvalidRequest for `request` if it breaks its contract; the error names every field that does."""
    found = _VALIDATOR.collect_violations(request)
    if not found:
        return
    violations = tuple(_violation(item) for item in found[:VIOLATIONS_MAX])
    first = violations[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise InvalidRequest(Reason.REQUEST_INVALID, f"{first.field}: {first.message}{more}", violations=violations)


def _check_lengths(message: Message, parent: str) -> None:
    for name, entries_max, has_lists in _lists_of(message.DESCRIPTOR):
        value = getattr(message, name)
        path = f"{parent}{name}"
        if entries_max is None:
            if has_lists and message.HasField(name):
                _check_lengths(value, f"{path}.")
            continue
        if len(value) > entries_max:
            text = f"holds {len(value)} entries; at most {entries_max} are allowed"
            raise invalid_field(path, Reason.FIELD_INVALID, text)
        if has_lists:
            for index, item in enumerate(value):
                _check_lengths(item, f"{path}[{index}].")


@cache
def _lists_of(described: Descriptor, within: tuple[Descriptor, ...] = ()) -> list[tuple[str, int | None, bool]]:
    """Return the fields that are lists or hold some: name, most entries (None = no list), whether lists lie below."""
    found: list[tuple[str, int | None, bool]] = []
    for field in described.fields:
        entry = field.message_type
        has_lists = entry is not None and entry not in within and bool(_lists_of(entry, (*within, described)))
        if field.is_repeated:
            rules = field.GetOptions().Extensions[validate_pb2.field]
            is_map = entry is not None and entry.GetOptions().map_entry
            declared = rules.map.max_pairs if is_map else rules.repeated.max_items
            found.append((field.name, declared or _ENTRIES_MAX, has_lists and not is_map))
        elif has_lists:
            found.append((field.name, None, True))
    return found


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
    return FieldViolation(path or "request", reason, violation.message or "is not allowed")
