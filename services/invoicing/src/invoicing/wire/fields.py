"""Domain values as messages, field by field: a field of a value fills the field of the same name in its message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from eventlog.as_of import AsOf
from eventlog.period import Period
from eventlog.wire import as_of_to_proto, period_to_proto, timestamp
from money import format_decimal, format_exact

MessageType = TypeVar("MessageType", bound=Message)


def message_of(value: Any, kind: type[MessageType], minor_units: int, **others: Any) -> MessageType:
    """Return the dataclass `value` as a message of `kind`; `others` are fields of the message that the value has not.

    Decimals become text, amounts of money with all `minor_units` places of their currency; None, and a value that the
    field marks as blank, is left out.
    """
    described = kind.DESCRIPTOR.fields_by_name
    filled = {
        part.name: _rendered(content, described[part.name], part.metadata, minor_units)
        for part in fields(value)
        if part.name in described
        and (content := getattr(value, part.name)) is not None
        and content != part.metadata.get("blank")
    }
    return kind(**filled, **others)


def _rendered(content: Any, described: Any, metadata: Any, minor_units: int) -> Any:
    match content:
        case Decimal():
            return format_decimal(content, places_min=minor_units if "money" in metadata else 0)
        case Fraction():
            return format_exact(content)
        case StrEnum():
            return _number(described, content.value)
        case tuple():
            kind = GetMessageClass(described.message_type)
            return [message_of(entry, kind, minor_units) for entry in content]
        case _:
            convert = _CONVERTED.get(type(content))
            return content if convert is None else convert(content)


_CONVERTED: Final[Mapping[type, Callable[[Any], Message]]] = {
    datetime: timestamp,
    Period: period_to_proto,
    AsOf: as_of_to_proto,
}


def _number(described: Any, name: str) -> int:
    """Return the number of an enum's value, whose name in the contract ends with that of the domain."""
    return int(next(value.number for value in described.enum_type.values if value.name.endswith(f"_{name}")))
