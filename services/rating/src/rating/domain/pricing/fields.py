"""The fields of models by type: from this one description the wire and the store read and write every model.

The plain form of a model, or of a record in one, maps the names of its fields to text, most of it decimal, or to lists
of plain records. A field that is absent, or empty, has the value that its absence means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from functools import cache, partial
from typing import Any, TypeVar, get_args, get_type_hints

from chassis.errors.refused import all_of, each_of
from money import format_decimal

Record = TypeVar("Record")
Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PriceField:
    """A field of a model or of a record in it. `record` is the type of a list's entries; None for others."""

    name: str
    record: type | None
    is_optional: bool
    when_absent: Decimal | None
    is_text: bool = False


def fields_of(kind: type) -> Sequence[PriceField]:
    """Return the fields of a model or record, in order."""
    return _described(kind)


@cache
def _described(kind: Any) -> tuple[PriceField, ...]:
    hints = get_type_hints(kind)
    described = []
    for part in fields(kind):
        arguments = get_args(hints[part.name])
        record = next((entry for entry in arguments if hasattr(entry, "__dataclass_fields__")), None)
        when_absent: Decimal | None = None if part.default is MISSING else part.default
        is_optional = part.default is not MISSING or type(None) in arguments
        described.append(PriceField(part.name, record, is_optional, when_absent, hints[part.name] is str))
    return tuple(described)


def to_plain(value: Any) -> Plain:
    """Return the plain form of a model or record; fields whose value absence means are left out."""
    plain: Plain = {}
    for field in fields_of(type(value)):
        content = getattr(value, field.name)
        if field.record is not None:
            plain[field.name] = [to_plain(entry) for entry in content]
        elif field.is_text:
            plain[field.name] = content
        elif not (field.is_optional and content == field.when_absent):
            plain[field.name] = format_decimal(content)
    return plain


def from_plain(kind: type[Record], plain: Mapping[str, Any], decimal: Callable[[str, str], Decimal]) -> Record:
    """Return the model or record of `kind` that `plain` describes.

    `decimal` reads a field's text, of which it is also told the name. Raises Refused with the path of
    every wrong field.
    """
    described = fields_of(kind)
    values = all_of(*(partial(_read, field, plain.get(field.name), decimal) for field in described))
    return kind(**{field.name: value for field, value in zip(described, values, strict=True)})


def _read(field: PriceField, content: Any, decimal: Callable[[str, str], Decimal]) -> Any:
    record = field.record
    if record is not None:
        return each_of(field.name, content or (), lambda entry: from_plain(record, entry, decimal))
    if field.is_text:
        return content or ""
    if content or not field.is_optional:
        return decimal(field.name, content or "")
    return field.when_absent
