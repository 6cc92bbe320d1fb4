"""What no database can keep is refused at the door: a NUL in any text of any request, named by its field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.errors import InvalidRequest, Reason
from chassis.identity import Scope

NUL = "a\0b"


def requests_with_a_nul(described: Descriptor, within: tuple[Descriptor, ...] = ()) -> Iterator[tuple[str, Message]]:
    """A message for every text that `described` can hold, however deep, with a NUL in it; and that text's path."""
    for field in described.fields:
        message: Any = GetMessageClass(described)()
        if field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
            getattr(message, field.name).extend(["sound", NUL])
            yield f"{field.name}[1]", message
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, NUL)
            yield field.name, message
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            for path, entries in maps_with_a_nul(field.message_type, (*within, described)):
                container = getattr(message, field.name)
                container.clear()
                for key, value in entries.items():
                    put(container, key, value)
                yield f"{field.name}{path}", message
        elif field.message_type is not None and field.message_type not in within:
            for path, inner in requests_with_a_nul(field.message_type, (*within, described)):
                outer: Any = GetMessageClass(described)()
                if field.is_repeated:
                    getattr(outer, field.name).add().CopyFrom(inner)
                    yield f"{field.name}[0].{path}", outer
                else:
                    getattr(outer, field.name).CopyFrom(inner)
                    yield f"{field.name}.{path}", outer


def maps_with_a_nul(entry: Descriptor, within: tuple[Descriptor, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a map can hold with a NUL in it: in a key, which is named after the map, or in the value of a sound key."""
    described = entry.fields_by_name["value"]
    if described.message_type is None:
        yield "", {NUL: "sound"}
        yield "[sound]", {"sound": NUL}
        return
    yield "", {NUL: None}
    for path, inner in requests_with_a_nul(described.message_type, within):
        yield f"[sound].{path}", {"sound": inner}


def put(container: Any, key: str, value: Any) -> None:
    """Put an entry into a map: a text, a message, or None for an empty message."""
    if isinstance(value, str):
        container[key] = value
    elif value is None:
        container.get_or_create(key)
    else:
        container[key].CopyFrom(value)


async def test_a_nul_is_refused_by_field(door: Any, checked_method: Any) -> None:
    method = checked_method
    scope = min(method.scopes)
    tenant = "acme" if scope is Scope.INTERNAL else None

    for field, request in requests_with_a_nul(method.described.input_type):
        refused = await door.knock(method, door.token(scope), request, tenant=tenant)

        assert isinstance(refused, InvalidRequest), field
        assert [(one.field, one.reason) for one in refused.violations] == [(field, Reason.TEXT_INVALID)]
