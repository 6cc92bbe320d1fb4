"""Requests made from the contract: the smallest that its rules let pass, with chosen texts in chosen places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import protovalidate
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

# One of them pleases each rule for texts that the contract has.
_TEXTS: Final = ("x", "2024-01", "EUR", "UTC", "0f8fad5b-d9cb-469f-a165-70867728950e", "1", "2024-01-01")
_ROUNDS_MAX: Final = 20


def smallest_valid(described: Descriptor) -> Any:
    """A request that the rules of its contract let pass, with no more in it than they ask for."""
    message = GetMessageClass(described)()
    complete(message)
    return message


def complete(message: Message) -> None:
    """Add to a message what the rules of its contract ask for."""
    for _ in range(_ROUNDS_MAX):
        violations = protovalidate.collect_violations(message)
        if not violations:
            return
        for violation in violations:
            path = violation.proto.field
            _mend(message, [element.field_name for element in path.elements] if path else [])
    raise AssertionError(f"no text that {message.DESCRIPTOR.full_name} asks for is among those tried")


def _mend(message: Any, path: list[str]) -> None:
    """Give the field at fault something, or something else."""
    name, *rest = path or [message.DESCRIPTOR.oneofs[0].fields[0].name]
    described: Descriptor = message.DESCRIPTOR
    field = described.fields_by_name.get(name) or described.oneofs_by_name[name].fields[0]
    value = getattr(message, field.name)
    if field.message_type is not None:
        inner = (value[0] if value else value.add()) if field.is_repeated else value
        inner.SetInParent()
        if rest:
            _mend(inner, rest)
    elif field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
        value[:] = [_next_text(value[0] if value else "")]
    elif field.type == FieldDescriptor.TYPE_STRING:
        setattr(message, field.name, _next_text(value))
    elif field.is_repeated:
        value.append(1)
    else:
        setattr(message, field.name, 1)


def _next_text(text: str) -> str:
    return _TEXTS[(_TEXTS.index(text) + 1) % len(_TEXTS)] if text in _TEXTS else _TEXTS[0]


def put(message: Any, path: str, text: str) -> None:
    """Put a text at the end of a path with dots, into one entry of each list on the way; "" empties the field."""
    name, _, rest = path.partition(".")
    field, value = message.DESCRIPTOR.fields_by_name[name], getattr(message, name)
    if rest:
        put((value[0] if value else value.add()) if field.is_repeated else value, rest, text)
    elif field.is_repeated:
        value[:] = [text] if text else []
    else:
        setattr(message, name, text)


def texts_at(message: Message, path: str) -> Iterator[str]:
    """The texts at the end of a path."""
    name, _, rest = path.partition(".")
    value: Any = getattr(message, name)
    for entry in value if message.DESCRIPTOR.fields_by_name[name].is_repeated else [value]:
        if rest:
            yield from texts_at(entry, rest)
        else:
            yield entry
